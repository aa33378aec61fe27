#include "link/links.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Ends the field that begins at p at the first `stop` that does not stand behind `\`, or where blanks is set at a
 * blank, and leaves the `\` of what it takes. Returns where the next one begins; NULL where the text is over. */
static char *field_end(char *p, char stop, bool blanks)
{
    for (; *p; p++) {
        if (*p == '\\' && p[1]) {
            p++;
        } else if ((stop && *p == stop) || (blanks && is_blank(*p))) {
            *p = 0;
            return p + 1;
        }
    }
    return NULL;
}

/* `\x` becomes x. */
static void unescape(char *p)
{
    char *to = p;
    for (; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        *to++ = *p;
    }
    *to = 0;
}

/* The next field of the line. NULL: there is none. */
static char *next_field(char **rest)
{
    char *p = *rest;
    while (p && is_blank(*p))
        p++;
    if (!p || !*p || *p == '#')
        return NULL;
    *rest = field_end(p, 0, true);
    return p;
}

static bool split_options(struct links_line *line, char *p, const char **why)
{
    while (p) {
        char *option = p, *value;
        p = field_end(option, ',', false);
        *why = "it has more options than a link can have";
        if (line->options_n == LINKS_OPTIONS)
            return false;
        *why = "an option without a name";
        value = field_end(option, '=', false);
        if (!*option)
            return false;
        unescape(option);
        if (value)
            unescape(value);
        line->options[line->options_n].name = option;
        line->options[line->options_n++].value = value;
    }
    return true;
}

enum links_result links_parse(struct links_line *line, const char *text, size_t n, const char **why)
{
    char *rest = line->text, *options;
    line->options_n = 0;
    *why = "the line is too long";
    if (n >= sizeof line->text)
        return LINKS_WRONG;
    *why = "the line holds a NUL";
    if (memchr(text, 0, n))
        return LINKS_WRONG;
    memcpy(line->text, text, n);
    line->text[n] = 0;
    line->name = next_field(&rest);
    if (!line->name)
        return LINKS_EMPTY;
    line->protocol = next_field(&rest);
    line->endpoint = next_field(&rest);
    options = next_field(&rest);
    *why = "a link is a name, a protocol (astm, hl7, auto), an endpoint, and options";
    if (!line->endpoint || next_field(&rest))
        return LINKS_WRONG;
    unescape(line->name);
    unescape(line->protocol);
    unescape(line->endpoint);
    return !options || split_options(line, options, why) ? LINKS_LINK : LINKS_WRONG;
}
