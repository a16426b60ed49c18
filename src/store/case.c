/** @file case.c
 *  A case file, with the overrides of the command line, as a problem. What is wrong is said before anything
 *  large is read or built, at the place where it was written. */
#include <headflow/case.h>

#include "store/case_sections.h"
#include "store/path.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sections {
    const char *name, *title;
    const hf_yaml *model, *data, *heads, *regularisation, *initial, *grid, *scheme, *time, *error,
        *checkpoint, *particles;
    bool deterministic;
} sections;

static const hf_schema_key case_keys[] = {
    {"name", HF_SCHEMA_TEXT, true, offsetof(sections, name)},
    {"title", HF_SCHEMA_TEXT, true, offsetof(sections, title)},
    {"model", HF_SCHEMA_ANY, false, offsetof(sections, model)},
    {"data", HF_SCHEMA_MAPPING, true, offsetof(sections, data)},
    {"heads", HF_SCHEMA_MAPPING, true, offsetof(sections, heads)},
    {"regularisation", HF_SCHEMA_MAPPING, false, offsetof(sections, regularisation)},
    {"initial", HF_SCHEMA_ANY, true, offsetof(sections, initial)},
    {"grid", HF_SCHEMA_MAPPING, true, offsetof(sections, grid)},
    {"scheme", HF_SCHEMA_MAPPING, false, offsetof(sections, scheme)},
    {"time", HF_SCHEMA_MAPPING, true, offsetof(sections, time)},
    {"error", HF_SCHEMA_ANY, false, offsetof(sections, error)},
    {"checkpoint", HF_SCHEMA_MAPPING, false, offsetof(sections, checkpoint)},
    {"deterministic", HF_SCHEMA_BOOLEAN, false, offsetof(sections, deterministic)},
    {"particles", HF_SCHEMA_MAPPING, false, offsetof(sections, particles)},
};

enum { NAME_MAX_LETTERS = 64 };

hf_status hf_case_check_name(hf_error *error, const hf_yaml *root, const char *name) {
    bool letters = strlen(name) <= NAME_MAX_LETTERS;
    for (const char *letter = name; *letter; letter++)
        letters = letters && (unsigned char)*letter < 128 &&
                  (isalnum((unsigned char)*letter) || *letter == '-' || *letter == '_');
    if (!letters)
        return hf_yaml_raise(error, HF_ERR_INPUT, hf_yaml_get(root, "name"),
                             "`%.40s` would name a folder; expected at most %d letters, digits, - and _",
                             name, NAME_MAX_LETTERS);
    return HF_OK;
}

static const char *error_name(size_t row) {
    static const char *const names[] = {"none", "estimate"};
    return names[row];
}

/** Whether a run is to estimate its own error. */
static hf_status read_error(hf_error *error, const hf_yaml *node, hf_case *c) {
    size_t row = 0;
    if (node)
        HF_TRY(hf_schema_choice(error, node, "error", 2, error_name, &row));
    c->input.estimate = row == 1;
    return HF_OK;
}

hf_status hf_case_file(hf_error *error, const char *path, const char *name, char **out) {
    if (name[0] == '/')
        return hf_string_copy(error, name, out);
    char *folder;
    HF_TRY(hf_path_folder(error, path, &folder));
    hf_status status = hf_path_join(error, folder, name, out);
    free(folder);
    return status;
}

static hf_status read_sections(hf_error *error, const char *path, const hf_yaml *root, hf_case *c) {
    sections s = {0};
    HF_TRY(hf_case_expect_model(error, root, HF_CASE_HEADS));
    HF_TRY(hf_schema_read(error, root, sizeof case_keys / sizeof *case_keys, case_keys, &s));
    HF_TRY(hf_case_check_name(error, root, s.name));
    c->input.name = s.name;
    c->input.title = s.title;
    c->input.deterministic = s.deterministic;
    HF_TRY(hf_case_read_source(error, s.data, path, s.heads, c));
    HF_TRY(hf_case_read_heads(error, s.heads, c));
    HF_TRY(hf_case_read_grid(error, s.grid, c));
    HF_TRY(hf_case_read_initial(error, s.initial, path, c));
    HF_TRY(hf_case_read_regularisation(error, s.regularisation, c));
    HF_TRY(hf_case_read_scheme(error, s.scheme, c));
    HF_TRY(hf_case_read_time(error, s.time, c));
    HF_TRY(read_error(error, s.error, c));
    HF_TRY(hf_case_read_checkpoint(error, s.checkpoint, c));
    HF_TRY(hf_case_read_particles(error, s.particles, c));
    return hf_case_read_events(error, c);
}

/** A problem that is being read, and who share it. */
typedef struct reading {
    const hf_ranks *ranks;
    hf_problem **problem;
} reading;

/** The problem of a tree. Once the sections are read, all values are fine one by one; what hf_problem_create
 *  can still refuse is their size together, which the grid decides. */
static hf_status build(hf_error *error, void *self, const char *path, const hf_yaml *root) {
    const reading *r = self;
    hf_case c = {.input.ranks = r->ranks};
    hf_status status = read_sections(error, path, root, &c);
    if (status == HF_OK) {
        hf_error inner = {0};
        status = hf_problem_create(&inner, &c.input, r->problem);
        if (status != HF_OK)
            hf_yaml_raise(error, status, hf_yaml_get(hf_yaml_get(root, "grid"), "cells"), "%s",
                          inner.message);
    } else {
        hf_events_destroy(&c.input.events);
    }
    hf_array_destroy(&c.matrices);
    free(c.components);
    free(c.file);
    return status;
}

hf_status hf_case_read_shared(hf_error *error, const hf_ranks *ranks, const char *path, size_t override_count,
                              const char *const overrides[], hf_problem **problem, char **text) {
    reading r = {ranks, problem};
    *problem = NULL;
    hf_status status = hf_case_read_tree(error, path, override_count, overrides, build, &r, text);
    if (status != HF_OK)
        hf_problem_destroy(problem);
    return status;
}

hf_status hf_case_read(hf_error *error, const char *path, size_t override_count,
                       const char *const overrides[], hf_problem **problem, char **text) {
    return hf_case_read_shared(error, NULL, path, override_count, overrides, problem, text);
}
