/* What the theory says in plain letters, on a terminal as well, as it is printed in a book. */
#include "store/report_formula.h"
#include "store/report_html.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 32 };

#define NBSP "\xc2\xa0" /* a blank at which no line ends */

/* Words that stand for a symbol. */
static const char *const symbols[][2] = {{"theta", "<i>θ</i>"},
                                         {"lambda", "<i>λ</i>"},
                                         {"lambda_min", "<i>λ</i><sub>min</sub>"},
                                         {"R_inf", "<i>R</i><sub>∞</sub>"},
                                         {"F_inf", "<i>F</i><sub>∞</sub>"},
                                         {"Psi", "<i>Ψ</i>"},
                                         {"tau", "<i>τ</i>"},
                                         {"rho", "<i>ρ</i>"},
                                         {"mu", "<i>μ</i>"},
                                         {"int", "∫"},
                                         {"ds", "d<i>s</i>"},
                                         {"Lojasiewicz", "Łojasiewicz"}};

/* Letters that stand for a quantity where they stand alone; `a` is a word. */
static bool is_quantity(char c) {
    return isupper((unsigned char)c) || strchr("cstuvh", c) != NULL;
}

static const char *write_word(FILE *out, const char *text) {
    char word[WORD_MAX] = "";
    size_t length = 0;
    while (isalpha((unsigned char)text[length]) || text[length] == '_')
        length++;
    if (length < sizeof word)
        memcpy(word, text, length);
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (strcmp(word, symbols[i][0]) == 0) {
            fputs(symbols[i][1], out);
            return text + length;
        }
    fprintf(out, length == 1 && is_quantity(*text) ? "<i>%.*s</i>" : "%.*s", (int)length, text);
    return text + length;
}

/* Digits, and an exponent as a power of ten. */
static const char *write_number(FILE *out, const char *text) {
    size_t length = strspn(text, "0123456789.");
    fprintf(out, "%.*s", (int)length, text);
    text += length;
    char *end;
    if (*text != 'e' || strchr("+-0123456789", text[1]) == NULL)
        return text;
    long power = strtol(text + 1, &end, 10);
    fprintf(out, NBSP "×" NBSP "10<sup>%s%ld</sup>", power < 0 ? "−" : "", labs(power));
    return end;
}

/* Behind "^": a number or letter, or what stands in parentheses, which are dropped. */
static const char *write_power(FILE *out, const char *text) {
    size_t depth = 0, length = 0;
    do {
        depth += text[length] == '(';
        depth -= text[length] == ')';
        length++;
    } while (depth > 0 && text[length] != '\0');
    bool enclosed = text[0] == '(' && depth == 0 && length > 1;
    char inner[64];
    snprintf(inner, sizeof inner, "%.*s", (int)(enclosed ? length - 2 : length), text + enclosed);
    fputs("<sup>", out);
    hf_html_formula(out, inner);
    fputs("</sup>", out);
    return text + length;
}

/* Whether one letter stands alone in front of a place. */
static bool is_after_letter(const char *text, const char *start) {
    return text > start && isalpha((unsigned char)text[-1]) &&
           (text - start == 1 || text[-2] == ' ' || text[-2] == '(');
}

/* A blank inside a formula: about a relation, behind an operator's name, between a factor and a Greek letter.
 */
static bool is_tied(const char *text, const char *start) {
    static const char *const names[] = {"min", "max", "inf", "log", "int"};
    if (*text != ' ' || text == start)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text - start >= 3 && strncmp(text - 3, names[i], 3) == 0)
            return text - start == 3 || (!isalpha((unsigned char)text[-4]) && text[-4] != '_');
    return strchr("=<>", text[-1]) != NULL || (text[1] == '=' && is_after_letter(text, start)) ||
           (isdigit((unsigned char)text[-1]) && (strncmp(text, " theta", 6) == 0 || text[1] == '%'));
}

/* A hyphen inside a word is one; any other is a minus sign. */
static bool is_minus(const char *text, const char *start) {
    return *text == '-' && !(text > start && isalpha((unsigned char)text[-1]));
}

void hf_html_formula(FILE *out, const char *text) {
    const char *start = text;
    while (*text != '\0') {
        char one[2] = {*text, '\0'};
        if (strncmp(text, "<=", 2) == 0 || strncmp(text, ">=", 2) == 0) {
            fputs(*text == '<' ? "≤" : "≥", out);
            text += 2;
        } else if (isalpha((unsigned char)*text))
            text = write_word(out, text);
        else if (isdigit((unsigned char)*text))
            text = write_number(out, text);
        else if (*text == '^' && text[1] != '\0')
            text = write_power(out, text + 1);
        else if (is_tied(text, start)) {
            fputs(NBSP, out);
            text++;
        } else if (is_minus(text, start)) {
            fputs("−", out);
            text++;
        } else {
            hf_html_text(out, one);
            text++;
        }
    }
}
