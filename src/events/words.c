/** @file words.c
 *  Real data: the letters of a word list, one word a line in UTF-8, one Unicode character one letter.
 *
 *  A letter is the token (u, p, 1): u = +1 for a vowel (aeiou in either case), -1 for the other letters of
 * a-z, 0 for anything else, such as an accented letter or an apostrophe; p = (index in the context + 1) /
 * window, counted from the context's start. After each t >= 1 letters of a word, the last min(t, window) of
 * them are the context in which the class of what follows is predicted: a vowel, anything but a vowel, or the
 * end of the word.
 */
#include "events/generators.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 3, CLASSES = 3, WINDOW_MAX = 1024 };

/* Bytes of the first UTF-8 character of `left` >= 1 bytes; 0 if it is cut short, overlong, a surrogate or
   beyond U+10FFFF (Unicode 15, table 3-7: the range of the second byte depends on the first). */
static size_t character_size(const unsigned char *text, size_t left) {
    unsigned char lead = text[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (left < size || text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if (text[i] < 0x80 || text[i] > 0xbf)
            return 0;
    return size;
}

/* The component u of an ASCII character. */
static signed char letter_kind(unsigned char c) {
    if (c >= 'A' && c <= 'Z')
        c = (unsigned char)(c - 'A' + 'a');
    if (c < 'a' || c > 'z')
        return 0;
    return memchr("aeiou", c, 5) != NULL ? 1 : -1;
}

/* Turn a line of `size` bytes into the u of its letters, in place: a letter has at least one byte.
   @return the bytes that were valid: size, or fewer if the next one is not UTF-8 */
static size_t read_letters(char *line, size_t size, size_t *count) {
    const unsigned char *text = (const unsigned char *)line;
    signed char *kinds = (signed char *)line;
    size_t at = 0;
    *count = 0;
    while (at < size) {
        size_t bytes = character_size(text + at, size - at);
        if (bytes == 0)
            break;
        kinds[(*count)++] = bytes == 1 ? letter_kind(text[at]) : 0;
        at += bytes;
    }
    return at;
}

/* Add the predictions of one word.
   @param[in] kinds   shape (count): u of its letters
   @param     tokens  shape (window): their p and 1 are set, u is overwritten */
static hf_status add_word(hf_error *error, size_t count, const signed char *kinds, size_t window,
                          double tokens[][WIDTH], hf_events *events) {
    static const double label[CLASSES][CLASSES] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (size_t t = 1; t <= count; t++) {
        size_t length = t < window ? t : window;
        for (size_t i = 0; i < length; i++)
            tokens[i][0] = kinds[t - length + i];
        size_t next = t == count ? 2 : kinds[t] > 0 ? 0 : 1;
        HF_TRY(hf_events_add(error, events, length, tokens[0], label[next], 1));
    }
    return HF_OK;
}

/* Add all lines of a file, using and enlarging the buffer *line of *room bytes. */
static hf_status add_lines(hf_error *error, FILE *file, const char *path, char **line, size_t *room,
                           size_t window, hf_events *events) {
    double tokens[WINDOW_MAX][WIDTH];
    for (size_t i = 0; i < window; i++) {
        tokens[i][1] = (double)(i + 1) / (double)window;
        tokens[i][2] = 1;
    }
    size_t letters = 0;
    ssize_t length;
    for (size_t number = 1; (length = getline(line, room, file)) > 0; number++) {
        size_t size = (size_t)length;
        if ((*line)[size - 1] == '\n')
            size--;
        if (size > 0 && (*line)[size - 1] == '\r')
            size--;
        size_t count;
        size_t valid = read_letters(*line, size, &count);
        if (valid < size)
            return hf_raise(error, HF_ERR_INPUT,
                            "%s:%zu: byte %zu is not UTF-8; expected a word list in UTF-8", path, number,
                            valid + 1);
        HF_TRY(add_word(error, count, (const signed char *)*line, window, tokens, events));
        letters += count;
    }
    if (!feof(file))
        return hf_raise(error, HF_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    if (letters == 0)
        return hf_raise(error, HF_ERR_INPUT, "%s: no words; expected one word a line", path);
    return HF_OK;
}

hf_status hf_words_add(hf_error *error, const hf_generator_options *options, hf_events *events) {
    assert(hf_events_width(events) == WIDTH && hf_events_classes(events) == CLASSES);
    if (options->file == NULL)
        return hf_raise(error, HF_ERR_INPUT, "data.file is missing; expected a word list, one word a line");
    if (options->window < 1 || options->window > WINDOW_MAX)
        return hf_raise(error, HF_ERR_INPUT, "data.window is %zu; expected 1 to %d letters", options->window,
                        WINDOW_MAX);
    FILE *file = fopen(options->file, "r");
    if (file == NULL)
        return hf_raise(error, HF_ERR_IO, "%s: cannot open: %s; Debian's package wamerican has a word list",
                        options->file, strerror(errno));
    char *line = NULL;
    size_t room = 0;
    hf_status status = add_lines(error, file, options->file, &line, &room, options->window, events);
    free(line);
    fclose(file);
    return status;
}
