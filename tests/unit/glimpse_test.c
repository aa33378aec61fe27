#include "base/glimpse.h"

#include "tap.h"

int main(void)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *shown;
    } cases[] = {
        {"", 0, ""},
        {"S", 1, "x"},
        {"SMITH", 5, "xxx"},
        {"z9Z", 3, "x9x"},
        {"007", 3, "999"},
        {"|\\^&", 4, "|\\^"},
        {"@[`", 3, "@[`"},
        {"{/:", 3, "{/:"},
        {"\0\r ", 3, "<00><0D><20>"},
        {"\x0B\x1C\x7F", 3, "<0B><1C><7F>"},
        {"\xC3\x84\xFF", 3, "xxx"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char shown[GLIMPSE_TEXT];
        unsigned char *copy = exact_copy(cases[i].bytes, cases[i].n);
        is_str(glimpse(copy, cases[i].n, shown), cases[i].shown, "what is shown of case %zu", i);
        free(copy);
    }
    return done();
}
