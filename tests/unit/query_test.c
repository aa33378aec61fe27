#include "astm/query.h"

#include "tap.h"

static void asking(void)
{
    static const struct {
        const char *text;
        enum astm_query wanted;
    } cases[] = {
        {"H|\\^&\rQ|1|^S1\rL|1\r", ASTM_QUERY_ASKS},
        {"H|\\^&\rQ|1|ALL||ALL||||||||O\rL|1\r", ASTM_QUERY_ASKS},
        {"H|\\^&\rQ|1|^S1||||||||||A\rL|1\r", ASTM_QUERY_CANCELLED},
        {"H|\\^&\rQ|1|^S1||||||||||A^x\rL|1\r", ASTM_QUERY_ASKS},
        {"H|\\^&\rQ|1|^S1||||||||||A\rQ|2|^S2\rL|1\r", ASTM_QUERY_ASKS},
        {"H|\\^&\rQ|1|^S1\rQ|2|^S2||||||||||A\rL|1\r", ASTM_QUERY_ASKS},
        {"H|\\^&\rP|1\rR|1\rL|1\r", ASTM_QUERY_NONE},
        {"H!@#$\rQ!1\r", ASTM_QUERY_ASKS},
        {"H!@#$\rQ!1!!!!!!!!!!!A", ASTM_QUERY_CANCELLED},
        {"H!@#$\rQ|1\r", ASTM_QUERY_NONE},
        {"H|\\^&\rQX|1\r", ASTM_QUERY_NONE},
        {"H|\\^&\rQ\r", ASTM_QUERY_NONE},
        {"", ASTM_QUERY_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        is_int(astm_query_of((const unsigned char *)cases[i].text, strlen(cases[i].text)), cases[i].wanted,
               "what message %zu asks for", i);
}

static void nothing(void)
{
    static const struct {
        const char *query, *wanted;
    } cases[] = {
        {"H|\\^&|7|secret|cobas^1|||||LIS|||P|1|20260101\rQ|1|^S1\rL|1\r",
         "H|\\^&|||LIS|||||cobas^1|||P|20260302101500\rL|1|I\r"},
        {"H|\\^&|||cobas^1|||||LIS||P|LIS2-A2|20260101\rQ|1|^S1\rL|1\r",
         "H|\\^&|||LIS|||||cobas^1||P|LIS2-A2|20260302101500\rL|1|I\r"},
        {"H!@#$!!!x\rQ!1!#S1\r", "H!@#$!!!!!!!!x!!!!20260302101500\rL!1!I\r"},
        {"H|\\^&\rQ|1\r", "H|\\^&||||||||||||20260302101500\rL|1|I\r"},
        {"H|\\\\&|||x\rQ|1\r", "H|\\^&||||||||x||||20260302101500\rL|1|I\r"},
        {"H\\^^&\\\\\\x\rQ\\1\r", "H\\^&\\\\\\\\\\\\\\\\x\\\\\\\\20260302101500\rL\\1\\I\r"},
        {"Q|1|^S1\rL|1\r", "H|\\^&||||||||||||20260302101500\rL|1|I\r"},
        {"", "H|\\^&||||||||||||20260302101500\rL|1|I\r"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes out = {0};
        ok(astm_query_nothing(&out, (const unsigned char *)cases[i].query, strlen(cases[i].query), "20260302101500") &&
               bytes_append(&out, "", 1),
           "there is an answer to query %zu", i);
        is_str((const char *)out.data, cases[i].wanted, "the answer to query %zu", i);
        bytes_free(&out);
    }
}

int main(void)
{
    asking();
    nothing();
    return done();
}
