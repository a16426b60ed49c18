/* The events module: merging and labels, every generator against its definition by brute force, the CSV
 * reader. */
#include <criterion/criterion.h>
#include <headflow/events.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char word_list[] = "/usr/share/dict/words";

static hf_events *make(size_t width, size_t classes) {
    hf_events *events;
    cr_assert_eq(hf_events_create(NULL, width, classes, &events), HF_OK);
    return events;
}

static hf_events *generate(const char *name, hf_generator_options options) {
    const hf_generator *generator = hf_generator_find(name);
    cr_assert_not_null(generator);
    hf_events *events = make(generator->width, generator->classes);
    hf_error error = {0};
    cr_assert_eq(generator->add(&error, &options, events), HF_OK, "%s", error.message);
    return events;
}

/* The event with these tokens by linear search; count of events if there is none. */
static size_t search(const hf_events *events, size_t length, const double *tokens) {
    size_t width = hf_events_width(events);
    for (size_t e = 0; e < hf_events_count(events); e++) {
        bool equal = hf_events_length(events, e) == length;
        for (size_t i = 0; equal && i < length * width; i++)
            equal = hf_events_tokens(events, e)[i] == tokens[i];
        if (equal)
            return e;
    }
    return hf_events_count(events);
}

/* A file with these bytes, to be unlinked by the caller; a static string. */
static const char *write_file(const char *bytes, size_t size) {
    static char path[] = P_tmpdir "/headflow-events-XXXXXX";
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0);
    cr_assert_eq(write(descriptor, bytes, size), (ssize_t)size);
    close(descriptor);
    return path;
}

static hf_status read_csv_bytes(hf_error *error, const char *bytes, size_t size, hf_events *events) {
    const char *path = write_file(bytes, size);
    hf_status status = hf_events_read_csv(error, path, events);
    unlink(path);
    return status;
}

static hf_status read_csv(hf_error *error, const char *text, hf_events *events) {
    return read_csv_bytes(error, text, strlen(text), events);
}

static hf_status read_words(hf_error *error, const char *bytes, size_t size, size_t window,
                            hf_events *events) {
    const char *path = write_file(bytes, size);
    hf_generator_options options = {.file = path, .window = window};
    hf_status status = hf_generator_find("words")->add(error, &options, events);
    unlink(path);
    return status;
}

static void expect_failure(hf_status status, const hf_error *error, hf_status expected, const char *text) {
    cr_expect_eq(status, expected, "status %d instead of %d for '%s': %s", status, expected, text,
                 error->message);
    cr_expect_eq(error->status, expected);
    cr_expect_not_null(strstr(error->message, text), "'%s' is not in '%s'", text, error->message);
    cr_expect_null(strchr(error->message, '\n'));
}

Test(store, empty) {
    hf_events *events = make(3, 2);
    cr_expect_eq(hf_events_count(events), 0);
    cr_expect_eq(hf_events_width(events), 3);
    cr_expect_eq(hf_events_classes(events), 2);
    cr_expect_eq(hf_events_total(events), 0);
    cr_expect_eq(hf_events_tokens_total(events), 0);
    hf_events_destroy(&events);
    cr_expect_null(events);
    hf_events_destroy(&events);
    hf_events_destroy(NULL);
}

Test(store, merges_equal_contexts) {
    hf_events *events = make(2, 3);
    const double a[] = {2.385, -0.0, 1.5, -7.25}, same[] = {2.385, 0.0, 1.5, -7.25};
    const double b[] = {2.385, 0, 1.5, -7.25, 2.385, 0};
    cr_assert_eq(hf_events_add(NULL, events, 2, a, (const double[]){1, 0, 0}, 5), HF_OK);
    cr_assert_eq(hf_events_add(NULL, events, 3, b, (const double[]){0.2, 0.2, 0.4}, 1.5), HF_OK);
    cr_assert_eq(hf_events_add(NULL, events, 1, a, (const double[]){0, 1, 0}, 0.5), HF_OK);
    cr_assert_eq(hf_events_add(NULL, events, 2, same, (const double[]){0, 3, 1}, 2), HF_OK);

    cr_assert_eq(hf_events_count(events), 3, "a prefix is another context");
    cr_expect_eq(hf_events_tokens_total(events), 6);
    cr_expect_eq(hf_events_total(events), 9);
    const size_t lengths[] = {2, 3, 1};
    const double weights[] = {7.0 / 9, 1.5 / 9, 0.5 / 9};
    const double labels[3][3] = {{5.0 / 7, 1.5 / 7, 0.5 / 7}, {0.25, 0.25, 0.5}, {0, 1, 0}};
    for (size_t e = 0; e < 3; e++) {
        cr_expect_eq(hf_events_length(events, e), lengths[e], "events are in the order of first appearance");
        cr_expect_eq(hf_events_weight(events, e), weights[e]);
        for (size_t c = 0; c < 3; c++)
            cr_expect_float_eq(hf_events_label(events, e)[c], labels[e][c], 1e-16);
    }
    cr_expect_arr_eq(hf_events_tokens(events, 0), same, sizeof same, "-0 is stored as 0");
    cr_expect_arr_eq(hf_events_tokens(events, 1), b, sizeof b);
    hf_events_destroy(&events);
}

/* Whole counts give count / total to the last bit, however they are added. */
Test(store, counts_are_exact) {
    hf_events *events = make(1, 2);
    const double token = 0.1;
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(hf_events_add(NULL, events, 1, &token, (const double[]){i % 7 == 0, i % 7 != 0}, 1),
                     HF_OK);
    cr_assert_eq(hf_events_add(NULL, events, 1, &token, (const double[]){1, 48}, 49), HF_OK);
    cr_expect_eq(hf_events_label(events, 0)[0], 144.0 / 1049);
    cr_expect_eq(hf_events_label(events, 0)[1], 905.0 / 1049);
    cr_expect_eq(hf_events_weight(events, 0), 1);
    hf_events_destroy(&events);
}

/* Contexts of mixed lengths, found again after the store has grown many times. */
Test(store, grows) {
    enum { COUNT = 5000 };
    hf_events *events = make(2, 2);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < COUNT; i++) {
            size_t k = pass == 0 ? i : COUNT - 1 - i;
            double tokens[4][2];
            for (size_t j = 0; j < 4; j++) {
                tokens[j][0] = (double)(k / 4 % 50);
                tokens[j][1] = (double)(k / 200);
            }
            cr_assert_eq(hf_events_add(NULL, events, k % 4 + 1, tokens[0], (const double[]){pass, 1 - pass},
                                       (double)(k + 1)),
                         HF_OK);
        }
    cr_assert_eq(hf_events_count(events), COUNT);
    cr_expect_eq(hf_events_tokens_total(events), COUNT * 5 / 2);
    cr_expect_eq(hf_events_total(events), (double)COUNT * (COUNT + 1));
    for (size_t k = 0; k < COUNT; k++) {
        cr_assert_eq(hf_events_length(events, k), k % 4 + 1);
        cr_assert_eq(hf_events_tokens(events, k)[2 * (k % 4)], (double)(k / 4 % 50));
        cr_assert_eq(hf_events_tokens(events, k)[2 * (k % 4) + 1], (double)(k / 200));
        cr_assert_eq(hf_events_label(events, k)[0], 0.5);
        cr_assert_eq(hf_events_weight(events, k), 2 * (double)(k + 1) / hf_events_total(events));
    }
    hf_events_destroy(&events);
}

Test(store, refuses) {
    hf_error error = {0};
    hf_events *events = NULL;
    expect_failure(hf_events_create(&error, 0, 2, &events), &error, HF_ERR_INPUT, "token width is 0");
    cr_expect_null(events);
    expect_failure(hf_events_create(&error, 2, 0, &events), &error, HF_ERR_INPUT, "number of classes is 0");
    expect_failure(hf_events_create(&error, (size_t)-1, 2, &events), &error, HF_ERR_INPUT, "token width");
    expect_failure(hf_events_create(&error, 2, (size_t)-1, &events), &error, HF_ERR_INPUT,
                   "number of classes");

    events = make(2, 2);
    const double tokens[] = {1, 2, 3, 4}, label[] = {0.5, 0.5};
    cr_assert_eq(hf_events_add(NULL, events, 2, tokens, label, 1e308), HF_OK);
    const struct {
        size_t count;
        double token, first, second, weight;
        const char *text;
    } bad[] = {
        {0, 4, 0.5, 0.5, 1, "tokens: none"},
        {2, NAN, 0.5, 0.5, 1, "tokens: component 2 of token 2 is nan"},
        {2, -INFINITY, 0.5, 0.5, 1, "tokens: component 2 of token 2 is -inf"},
        {2, 4, 0.5, -0.25, 1, "label: class 1 has -0.25"},
        {2, 4, NAN, 0.5, 1, "label: class 0 has nan"},
        {2, 4, INFINITY, 0.5, 1, "label: class 0 has inf"},
        {2, 4, 0, 0, 1, "label: sums to 0"},
        {2, 4, 1e308, 1e308, 1, "label: sums to inf"},
        {2, 4, 0.5, 0.5, 0, "weight: 0;"},
        {2, 4, 0.5, 0.5, -3, "weight: -3;"},
        {2, 4, 0.5, 0.5, NAN, "weight: nan"},
        {2, 4, 0.5, 0.5, INFINITY, "weight: inf"},
        {2, 4, 0.5, 0.5, 1.5e308, "weight: 1.5e+308 makes the sum of weights infinite"},
        {2, 4, 1e300, 0, 1e-300, "label: sums to 1e+300 under weight 1e-300"},
        {2, 4, 1e-300, 0, 1e300, "label: sums to 1e-300 under weight 1e+300"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const double bad_tokens[] = {1, 2, 3, bad[i].token}, bad_label[] = {bad[i].first, bad[i].second};
        expect_failure(hf_events_add(&error, events, bad[i].count, bad_tokens, bad_label, bad[i].weight),
                       &error, HF_ERR_INPUT, bad[i].text);
    }
    cr_expect_eq(hf_events_count(events), 1, "what is refused is not added");
    cr_expect_eq(hf_events_total(events), 1e308);
    cr_expect_eq(hf_events_label(events, 0)[0], 0.5);
    hf_events_destroy(&events);
}

Test(generators, table) {
    size_t count;
    const hf_generator *generators = hf_generators(&count);
    cr_expect_eq(count, 5);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(hf_generator_find(generators[i].name), &generators[i]);
        cr_expect(strlen(generators[i].summary) > 0);
    }
    cr_expect_null(hf_generator_find("retrieva"));
    cr_expect_eq(hf_generator_find("opposite")->options, HF_GENERATOR_FLIP);
    cr_expect_eq(hf_generator_find("twoway")->options, 0);
    cr_expect_eq(hf_generator_find("words")->options, HF_GENERATOR_FILE | HF_GENERATOR_WINDOW);
}

Test(generators, single) {
    hf_events *events = generate("single", (hf_generator_options){.flip = 0.1, .window = 8});
    cr_assert_eq(hf_events_count(events), 1);
    cr_assert_eq(hf_events_length(events, 0), 1);
    cr_expect_eq(hf_events_width(events), 1);
    cr_expect_eq(hf_events_tokens(events, 0)[0], 1);
    cr_expect_eq(hf_events_label(events, 0)[0], 1);
    cr_expect_eq(hf_events_label(events, 0)[1], 0);
    cr_expect_eq(hf_events_weight(events, 0), 1);
    hf_events_destroy(&events);
}

/* Check that this context is an event of weight 1/count and that P(class 0) is p. */
static void expect_event(const hf_events *events, size_t length, const double *tokens, double p,
                         size_t count) {
    size_t e = search(events, length, tokens);
    cr_assert(e < hf_events_count(events), "a choice of signs is missing");
    cr_expect_float_eq(hf_events_label(events, e)[0], p, 1e-15);
    cr_expect_float_eq(hf_events_label(events, e)[1], 1 - p, 1e-15);
    cr_expect_eq(hf_events_weight(events, e), 1.0 / (double)count);
}

Test(generators, retrieval_and_opposite) {
    const double flip = 0.185;
    hf_events *retrieval = generate("retrieval", (hf_generator_options){.flip = flip, .window = 8});
    hf_events *opposite = generate("opposite", (hf_generator_options){.flip = flip, .window = 8});
    cr_assert_eq(hf_events_width(retrieval), 2);
    cr_assert_eq(hf_events_count(retrieval), 16);
    cr_assert_eq(hf_events_count(opposite), 8);
    for (int k1 = -1; k1 <= 1; k1 += 2)
        for (int v1 = -1; v1 <= 1; v1 += 2)
            for (int v2 = -1; v2 <= 1; v2 += 2)
                for (int kq = -1; kq <= 1; kq += 2) {
                    const double tokens[] = {k1, v1, -k1, v2, kq, 0};
                    /* the mean of the values, weighted by whether the key is the query's */
                    int value = ((1 + kq * k1) * v1 + (1 - kq * k1) * v2) / 2;
                    double p = 0.5 + value * (0.5 - flip);
                    expect_event(retrieval, 3, tokens, p, 16);
                    if (v1 + v2 == 0)
                        expect_event(opposite, 3, tokens, p, 8);
                }
    hf_events_destroy(&retrieval);
    hf_events_destroy(&opposite);
}

Test(generators, default_flip) {
    hf_events *events = generate("retrieval", (hf_generator_options){.flip = 0.1, .window = 8});
    const double tokens[] = {1, 1, -1, 1, 1, 0};
    cr_expect_eq(hf_events_label(events, search(events, 3, tokens))[0], 0.9);
    hf_events_destroy(&events);
}

Test(generators, twoway) {
    hf_events *events = generate("twoway", (hf_generator_options){.flip = 0.1, .window = 8});
    cr_assert_eq(hf_events_width(events), 3);
    cr_assert_eq(hf_events_count(events), 32);
    for (int kq = -1; kq <= 1; kq += 2)
        for (int match = 0; match < 2; match++)
            for (int values = 0; values < 8; values++) {
                const int v[] = {2 * (values % 2) - 1, 2 * (values / 2 % 2) - 1, 2 * (values / 4) - 1};
                const double tokens[] = {match == 0 ? kq : -kq,
                                         v[0],
                                         -1,
                                         match == 1 ? kq : -kq,
                                         v[1],
                                         -0.5,
                                         -kq,
                                         v[2],
                                         0.0,
                                         kq,
                                         0,
                                         -2};
                expect_event(events, 4, tokens, 0.5 * (1 + tanh(v[match] + v[2])), 32);
            }
    hf_events_destroy(&events);
}

Test(generators, refuse) {
    hf_error error = {0};
    const double bad[] = {-0.01, 1.01, NAN};
    hf_events *events = make(2, 2);
    for (size_t i = 0; i < 3; i++) {
        hf_generator_options options = {.flip = bad[i], .window = 8};
        expect_failure(hf_generator_find("retrieval")->add(&error, &options, events), &error, HF_ERR_INPUT,
                       "data.flip");
        expect_failure(hf_generator_find("opposite")->add(&error, &options, events), &error, HF_ERR_INPUT,
                       "data.flip");
    }
    hf_events_destroy(&events);

    events = make(3, 3);
    hf_status (*add)(hf_error *, const hf_generator_options *, hf_events *) = hf_generator_find("words")->add;
    hf_generator_options options = {.flip = 0.1, .window = 8};
    expect_failure(add(&error, &options, events), &error, HF_ERR_INPUT, "data.file is missing");
    options.file = "no-such-file";
    expect_failure(add(&error, &options, events), &error, HF_ERR_IO, "no-such-file: cannot open");
    expect_failure(add(&error, &options, events), &error, HF_ERR_IO, "wamerican");
    options.window = 0;
    expect_failure(add(&error, &options, events), &error, HF_ERR_INPUT, "data.window is 0");
    options.window = 1025;
    expect_failure(add(&error, &options, events), &error, HF_ERR_INPUT, "data.window is 1025");
    options.window = 8;
    options.file = ".";
    expect_failure(add(&error, &options, events), &error, HF_ERR_IO, ".: cannot read");
    expect_failure(read_words(&error, "\n\r\n", 3, 8, events), &error, HF_ERR_INPUT, "no words");
    cr_expect_eq(hf_events_count(events), 0);
    hf_events_destroy(&events);
}

/* A list small enough for hand: A b ' e-acute e, then x; two letters a context. */
Test(words, by_hand) {
    static const char list[] = "Ab'\xc3\xa9"
                               "e\r\n\nx";
    const struct {
        size_t length;
        double kinds[2];
        size_t next;
    } expected[] = {{1, {1, 0}, 1}, {2, {1, -1}, 1}, {2, {-1, 0}, 1},
                    {2, {0, 0}, 0}, {2, {0, 1}, 2},  {1, {-1, 0}, 2}};
    hf_events *events = make(3, 3);
    hf_error error = {0};
    cr_assert_eq(read_words(&error, list, sizeof list - 1, 2, events), HF_OK, "%s", error.message);
    cr_assert_eq(hf_events_count(events), 6);
    for (size_t e = 0; e < 6; e++) {
        cr_assert_eq(hf_events_length(events, e), expected[e].length);
        for (size_t i = 0; i < expected[e].length; i++) {
            const double token[] = {expected[e].kinds[i], 0.5 * (double)(i + 1), 1};
            cr_expect_arr_eq(hf_events_tokens(events, e) + 3 * i, token, sizeof token);
        }
        for (size_t c = 0; c < 3; c++)
            cr_expect_eq(hf_events_label(events, e)[c], c == expected[e].next);
    }
    hf_events_destroy(&events);
}

/* One letter each: the first and the last character of every length, and the neighbours of the surrogates. */
Test(words, utf8_letters) {
    static const char list[] = "a\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"
                               "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    hf_events *events = make(3, 3);
    hf_error error = {0};
    cr_assert_eq(read_words(&error, list, sizeof list - 1, 20, events), HF_OK, "%s", error.message);
    cr_assert_eq(hf_events_count(events), 11);
    for (size_t i = 0; i < 11; i++)
        cr_expect_eq(hf_events_tokens(events, 10)[3 * i], i == 0);
    hf_events_destroy(&events);
}

Test(words, refuses_what_is_not_utf8) {
    static const char *const bad[] = {"\x80",         "\xbf",         "\xc0\xaf",         "\xc1\xbf",
                                      "\xc3",         "\xc3z",        "\xc3\xc0",         "\xe0\x9f\xbf",
                                      "\xe2\x82",     "\xe2\x82z",    "\xed\xa0\x80",     "\xf0\x8f\xbf\xbf",
                                      "\xf0\x9f\x98", "\xf4\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                      "\xff",         "\xe2(\xa1",    "\xf0\x9f\xc0\x80", "\xf0\x9f\x98z"};
    hf_events *events = make(3, 3);
    hf_error error = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char list[32];
        int size = snprintf(list, sizeof list, "one\ntw%s\nthree\n", bad[i]);
        expect_failure(read_words(&error, list, (size_t)size, 8, events), &error, HF_ERR_INPUT,
                       ":2: byte 3 is not UTF-8");
    }
    hf_events_destroy(&events);
}

/* The real list, counted a second way: a context is a number in base 4 with a digit 1 to 3 for each letter.
 */
Test(words, word_list) {
    enum { WINDOW = 8, KEYS = 1 << 2 * WINDOW };
    if (access(word_list, R_OK) != 0)
        cr_skip_test("there is no word list");
    static double counts[KEYS][3];
    double totals[3] = {0};
    size_t lines = 0, distinct = 0;
    char word[256];
    FILE *file = fopen(word_list, "r");
    while (fgets(word, sizeof word, file) != NULL) {
        size_t key = 0, letters = 0;
        for (const char *c = word; *c != '\0'; c++) {
            if (((unsigned char)*c & 0xc0) == 0x80)
                continue;
            size_t digit = strchr("aeiouAEIOU", *c) != NULL                       ? 3
                           : (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ? 1
                                                                                  : 2;
            size_t next = *c == '\n' ? 2 : digit == 3 ? 0 : 1;
            if (letters++ > 0) {
                distinct += counts[key][0] + counts[key][1] + counts[key][2] == 0;
                counts[key][next]++;
                totals[next]++;
            }
            key = (4 * key + digit) % KEYS;
        }
        lines++;
    }
    fclose(file);

    hf_events *events =
        generate("words", (hf_generator_options){.flip = 0.1, .file = word_list, .window = WINDOW});
    double class_totals[3] = {0};
    cr_assert_eq(hf_events_count(events), distinct);
    cr_assert_eq(hf_events_total(events), totals[0] + totals[1] + totals[2]);
    for (size_t e = 0; e < distinct; e++) {
        size_t length = hf_events_length(events, e), key = 0;
        const double *tokens = hf_events_tokens(events, e);
        cr_assert(length >= 1 && length <= WINDOW);
        for (size_t i = 0; i < length; i++) {
            key = 4 * key + (size_t)(2 + tokens[3 * i]);
            cr_assert_eq(tokens[3 * i + 1], (double)(i + 1) / WINDOW);
            cr_assert_eq(tokens[3 * i + 2], 1);
        }
        double count = counts[key][0] + counts[key][1] + counts[key][2];
        cr_assert_eq(hf_events_weight(events, e), count / hf_events_total(events));
        for (size_t c = 0; c < 3; c++) {
            cr_assert_eq(hf_events_label(events, e)[c], counts[key][c] / count);
            class_totals[c] += counts[key][c];
        }
    }
    for (size_t c = 0; c < 3; c++)
        cr_expect_eq(class_totals[c], totals[c], "each context is counted once");

    if (lines == 104334) { /* Debian's wamerican 2020.12.07; other lists have other counts */
        cr_expect_eq(totals[0], 289594);
        cr_expect_eq(totals[1], 486548);
        cr_expect_eq(totals[2], 104334);
        cr_expect_eq(hf_events_total(events), 880476);
        cr_expect_eq(hf_events_count(events), 1147);
    }
    hf_events_destroy(&events);
}

Test(csv, reads) {
    static const char text[] = "\xef\xbb\xbf count , \"label\",tokens\r\n"
                               "\r\n"
                               "3,1,\"1.5 -2;  +.25e1 4\"\r\n"
                               " \t\n"
                               "1,\"1 1 2\" ,1.5 -2;2.5 4\n"
                               "0.5,0, 7 8 ";
    const double two[] = {1.5, -2, 2.5, 4}, one[] = {7, 8};
    hf_events *events = make(2, 3);
    hf_error error = {0};
    cr_assert_eq(read_csv(&error, text, events), HF_OK, "%s", error.message);
    cr_assert_eq(hf_events_count(events), 2);
    cr_assert_eq(hf_events_length(events, 0), 2);
    cr_assert_eq(hf_events_length(events, 1), 1);
    cr_expect_eq(hf_events_total(events), 4.5);
    cr_expect_arr_eq(hf_events_tokens(events, 0), two, sizeof two);
    cr_expect_arr_eq(hf_events_tokens(events, 1), one, sizeof one);
    const double labels[2][3] = {{0.25 / 4, 3.25 / 4, 0.5 / 4}, {1, 0, 0}};
    for (size_t c = 0; c < 3; c++) {
        cr_expect_eq(hf_events_label(events, 0)[c], labels[0][c]);
        cr_expect_eq(hf_events_label(events, 1)[c], labels[1][c]);
    }
    hf_events_destroy(&events);
}

Test(csv, count_may_be_left_out) {
    hf_events *events = make(1, 2);
    cr_assert_eq(read_csv(NULL, "tokens,label\n2;3,0\n2;3,1\n2;3,1\n", events), HF_OK);
    cr_assert_eq(hf_events_count(events), 1);
    cr_expect_eq(hf_events_total(events), 3);
    cr_expect_eq(hf_events_label(events, 0)[1], 2.0 / 3);
    hf_events_destroy(&events);
}

Test(csv, width) {
    static const char text[] = "label,tokens\n\n0,1 2 3;4 5 6\n";
    const char *path = write_file(text, sizeof text - 1);
    size_t width = 0;
    cr_expect_eq(hf_events_csv_width(NULL, path, &width), HF_OK);
    cr_expect_eq(width, 3);
    unlink(path);

    hf_error error = {0};
    path = write_file("label,tokens\n0,\n", 16);
    expect_failure(hf_events_csv_width(&error, path, &width), &error, HF_ERR_INPUT,
                   ":2: tokens: the first one is empty");
    cr_expect_eq(width, 0);
    unlink(path);
    path = write_file("label,tokens\n", 13);
    expect_failure(hf_events_csv_width(&error, path, &width), &error, HF_ERR_INPUT, "no rows");
    unlink(path);
    expect_failure(hf_events_csv_width(&error, path, &width), &error, HF_ERR_IO, "cannot open");
}

/* Events of random tokens and labels, written as CSV and read again, are the same events. */
Test(csv, round_trip) {
    enum { ROWS = 300, CLASSES = 4, WIDTH = 3, LENGTH = 6 };
    unsigned state = 2385;
    hf_events *events = make(WIDTH, CLASSES);
    static char text[ROWS * (WIDTH * LENGTH + CLASSES + 1) * 32];
    size_t size = (size_t)sprintf(text, "label,count,tokens\n");
    for (int row = 0; row < ROWS; row++) {
        double numbers[WIDTH * LENGTH + CLASSES + 1];
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            state = state * 1664525u + 1013904223u;
            numbers[i] = ((double)state + 1) / 3e9;
        }
        const double *label = numbers, *weight = label + CLASSES, *tokens = weight + 1;
        size_t length = (size_t)row % LENGTH + 1;
        cr_assert_eq(hf_events_add(NULL, events, length, tokens, label, *weight), HF_OK);
        for (size_t c = 0; c < CLASSES; c++)
            size += (size_t)sprintf(text + size, " %.17g", label[c]);
        size += (size_t)sprintf(text + size, ",%.17g,", *weight);
        for (size_t i = 0; i < length * WIDTH; i++)
            size += (size_t)sprintf(text + size, "%.17g%s", tokens[i],
                                    i + 1 == length * WIDTH  ? "\n"
                                    : i % WIDTH == WIDTH - 1 ? ";"
                                                             : " ");
    }
    hf_events *copy = make(WIDTH, CLASSES);
    hf_error error = {0};
    cr_assert_eq(read_csv(&error, text, copy), HF_OK, "%s", error.message);
    cr_assert_eq(hf_events_count(copy), ROWS);
    for (size_t e = 0; e < ROWS; e++) {
        size_t length = hf_events_length(events, e);
        cr_assert_eq(hf_events_length(copy, e), length);
        cr_assert_eq(hf_events_weight(copy, e), hf_events_weight(events, e));
        cr_assert_arr_eq(hf_events_tokens(copy, e), hf_events_tokens(events, e),
                         length * WIDTH * sizeof(double));
        cr_assert_arr_eq(hf_events_label(copy, e), hf_events_label(events, e), CLASSES * sizeof(double));
    }
    hf_events_destroy(&events);
    hf_events_destroy(&copy);
}

Test(csv, refuses) {
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "empty; expected the header"},
        {"\n \n", "empty; expected the header"},
        {"tokens,label\n", "no rows"},
        {"tokens,lable\n", ":1: header: unknown column 'lable'; expected label"},
        {"tokens,label,x\n", ":1: header: unknown column 'x'; expected tokens, label or count"},
        {"tokens,label,\n", ":1: header: unknown column ''"},
        {"\ntokens,label,tokens\n", ":2: header: column tokens twice"},
        {"tokens,count\n", ":1: header: no column label"},
        {"label\n", ":1: header: no column tokens"},
        {"tokens,\"label\n", ":1: header: quotes"},
        {"tokens,label\n1 2\n", ":2: row: too few fields; expected 2"},
        {"tokens,label\n1 2,0,1\n", ":2: row: too many fields; expected 2"},
        {"tokens,label,count\n1 2,0\n", ":2: row: too few fields; expected 3"},
        {"tokens,label\n# comment\n", ":2: row: too few fields"},
        {"tokens,label\n1 2,\"0\n", ":2: label: quotes"},
        {"tokens,label\n\"1 2\" x,0\n", ":2: tokens: quotes"},
        {"tokens,label\n\"1 \"\"2\",0\n", ":2: tokens: '\"2'; expected a finite decimal number"},
        {"tokens,label\n1 2,0\n\n3,1\n", ":4: tokens: token 1 has 1 components; expected 2"},
        {"tokens,label\n1 2;1 2 3,1\n", ":2: tokens: token 2 has 3 components; expected 2"},
        {"tokens,label\n1 2;,1\n", ":2: tokens: token 2 has 0 components"},
        {"tokens,label\n,1\n", ":2: tokens: token 1 has 0 components"},
        {"tokens,label\n1 two,1\n", ":2: tokens: 'two'; expected a finite decimal number"},
        {"tokens,label\n1 2x,1\n", ":2: tokens: '2x'"},
        {"tokens,label\n1 0x10,1\n", ":2: tokens: '0x10'"},
        {"tokens,label\n1 nan,1\n", ":2: tokens: 'nan'"},
        {"tokens,label\n1 -inf,1\n", ":2: tokens: '-inf'"},
        {"tokens,label\n1 1e999,1\n", ":2: tokens: '1e999'"},
        {"tokens,label\n1 1e,1\n", ":2: tokens: '1e'"},
        {"tokens,label\n1 1-1,1\n", ":2: tokens: '1-1'"},
        {"tokens,label\n1 2,3\n", ":2: label: class 3; expected a whole number, 0 to 2"},
        {"tokens,label\n1 2,-1\n", ":2: label: class -1"},
        {"tokens,label\n1 2,0.5\n", ":2: label: class 0.5"},
        {"tokens,label\n1 2,0.5 0.5\n", ":2: label: '0.5 0.5'; expected a class number or 3 probabilities"},
        {"tokens,label\n1 2,\n", ":2: label: ''; expected a class number"},
        {"tokens,label\n1 2,1;2\n", ":2: label: '1;2'"},
        {"tokens,label\n1 2,b\n", ":2: label: 'b'; expected a finite decimal number"},
        {"tokens,label\n1 2,0 0 0\n", ":2: label: sums to 0"},
        {"tokens,label\n1 2,1 1 -1\n", ":2: label: class 2 has -1"},
        {"tokens,label,count\n1 2,0,0\n", ":2: count: '0'; expected one number > 0"},
        {"tokens,label,count\n1 2,0,-1\n", ":2: count: '-1'"},
        {"tokens,label,count\n1 2,0,\n", ":2: count: ''"},
        {"tokens,label,count\n1 2,0,1 2\n", ":2: count: '1 2'"},
        {"tokens,label,count\n1 2,0,1;\n", ":2: count: '1;'"},
        {"tokens,label,count\n1 2,0,many\n", ":2: count: 'many'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hf_events *events = make(2, 3);
        hf_error error = {0};
        expect_failure(read_csv(&error, bad[i].text, events), &error, HF_ERR_INPUT, bad[i].message);
        hf_events_destroy(&events);
    }

    hf_events *events = make(2, 3);
    hf_error error = {0};
    static const char zero[] = "tokens,label\n1 \0 2,1\n";
    expect_failure(read_csv_bytes(&error, zero, sizeof zero - 1, events), &error, HF_ERR_INPUT,
                   ":2: a zero byte");
    expect_failure(hf_events_read_csv(&error, "no-such-file", events), &error, HF_ERR_IO,
                   "no-such-file: cannot open");
    expect_failure(hf_events_read_csv(&error, ".", events), &error, HF_ERR_IO, ".: cannot read");
    hf_events_destroy(&events);
}
