/** @file case_find.c
 *  Where named cases are: the user's folder, the working folder, the folders near the program, so that a
 *  build runs in place, and the installed ones. */
#include <headflow/case.h>

#include "store/path.h"
#include "store/schema.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDERS = 6 };

/** The folders that may hold cases, in order of precedence; some are "" or do not exist. */
static void list_folders(char folders[FOLDERS][PATH_MAX]) {
    /* Beside the program's folder, and beside the build folder it lies in. */
    static const char *const near[] = {"/../cases", "/../../cases", "/../../../cases"};
    char program[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash = length > 0 ? strrchr(program, '/') : NULL;
    const char *own = getenv("HEADFLOW_CASES");

    snprintf(folders[0], PATH_MAX, "%s", own ? own : "");
    snprintf(folders[1], PATH_MAX, "cases");
    for (size_t k = 0; k < sizeof near / sizeof *near; k++)
        snprintf(folders[2 + k], PATH_MAX, "%.*s%s", slash ? (int)(slash - program) : 0, program,
                 slash ? near[k] : "");
    snprintf(folders[5], PATH_MAX, "%s/cases", HEADFLOW_DATADIR);
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const hf_case_entry *)a)->name, ((const hf_case_entry *)b)->name);
}

/** The title in a case file, or the reason why there is none to see. */
static hf_status read_title(hf_error *error, const char *path, char **title) {
    size_t length;
    char *text = NULL;
    hf_yaml *root = NULL;
    hf_error inner = {0};
    hf_status status = hf_yaml_load(&inner, path, &length, &text);
    if (status == HF_OK)
        status = hf_yaml_parse(&inner, path, false, text, length, &root);
    const hf_yaml *node = status == HF_OK ? hf_yaml_get(root, "title") : NULL;
    const char *shown = status != HF_OK ? inner.message : node && node->text ? node->text : "(no title)";
    status = hf_string_copy(error, shown, title);
    hf_yaml_destroy(&root);
    free(text);
    return status;
}

/** Add one file to a list of entries, with room for one more. */
static hf_status add_entry(hf_error *error, const char *folder, const char *file, size_t *count,
                           hf_case_entry *entries) {
    hf_case_entry *entry = &entries[*count];
    char *path;
    HF_TRY(hf_path_join(error, folder, file, &path));
    hf_status status = read_title(error, path, &entry->title);
    free(path);
    HF_TRY(status);
    (*count)++;
    HF_TRY(hf_string_copy(error, file, &entry->name));
    entry->name[strlen(entry->name) - strlen(".yaml")] = '\0';
    return HF_OK;
}

/** Append the cases of a folder to a list; a folder that is not there has none. */
static hf_status list_cases(hf_error *error, const char *folder, size_t *count, hf_case_entry **entries) {
    DIR *directory = folder[0] ? opendir(folder) : NULL;
    hf_status status = HF_OK;
    for (struct dirent *file; directory && status == HF_OK && (file = readdir(directory));) {
        size_t length = strlen(file->d_name);
        if (length <= 5 || strcmp(file->d_name + length - 5, ".yaml") != 0 || file->d_name[0] == '.')
            continue;
        hf_case_entry *grown = realloc(*entries, (*count + 1) * sizeof *grown);
        if (!grown) {
            status = hf_raise(error, HF_ERR_MEMORY, "%s: no room for the list of cases", folder);
            break;
        }
        *entries = grown;
        grown[*count] = (hf_case_entry){0};
        status = add_entry(error, folder, file->d_name, count, grown);
    }
    if (directory)
        closedir(directory);
    return status;
}

hf_status hf_case_names(hf_error *error, size_t *count, hf_case_entry **entries) {
    char folders[FOLDERS][PATH_MAX];
    list_folders(folders);
    *count = 0;
    *entries = NULL;
    hf_status status = HF_OK;
    for (size_t k = 0; k < FOLDERS && *count == 0 && status == HF_OK; k++)
        status = list_cases(error, folders[k], count, entries);
    if (status != HF_OK)
        hf_case_names_destroy(*count, entries);
    else if (*count > 0)
        qsort(*entries, *count, sizeof **entries, compare_entries);
    return status;
}

void hf_case_names_destroy(size_t count, hf_case_entry **entries) {
    for (size_t k = 0; k < count && *entries; k++) {
        free((*entries)[k].name);
        free((*entries)[k].title);
    }
    free(*entries);
    *entries = NULL;
}

/** Refuse a name that no folder knows, with the nearest one of all folders. */
static hf_status refuse_name(hf_error *error, const char *name) {
    char folders[FOLDERS][PATH_MAX];
    size_t count = 0;
    hf_case_entry *entries = NULL;
    list_folders(folders);
    hf_status status = HF_OK;
    for (size_t k = 0; k < FOLDERS && status == HF_OK; k++)
        status = list_cases(error, folders[k], &count, &entries);
    void *memory = NULL;
    if (status == HF_OK)
        status = hf_allocate(error, count + 1, sizeof(char *), &memory);
    if (status == HF_OK) {
        const char **names = memory;
        for (size_t k = 0; k < count; k++)
            names[k] = entries[k].name;
        const char *nearest = hf_nearest(name, count, names);
        status =
            hf_raise(error, HF_ERR_INPUT,
                     "unknown case `%.60s`%s%s%s; expected a name that `headflow list` shows, or the path of "
                     "a case file",
                     name, nearest ? ", did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    }
    free(memory);
    hf_case_names_destroy(count, &entries);
    return status;
}

static bool ends_with(const char *text, const char *ending) {
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

hf_status hf_case_find(hf_error *error, const char *case_argument, char **path) {
    *path = NULL;
    if (case_argument[0] == '.' || strchr(case_argument, '/') || ends_with(case_argument, ".yaml") ||
        ends_with(case_argument, ".yml"))
        return hf_string_copy(error, case_argument, path);

    char folders[FOLDERS][PATH_MAX], file[NAME_MAX + 1];
    list_folders(folders);
    snprintf(file, sizeof file, "%s.yaml", case_argument);
    for (size_t k = 0; k < FOLDERS; k++) {
        if (!folders[k][0])
            continue;
        HF_TRY(hf_path_join(error, folders[k], file, path));
        if (access(*path, F_OK) == 0)
            return HF_OK;
        free(*path);
        *path = NULL;
    }
    return refuse_name(error, case_argument);
}
