#include "out/get.h"

#include "astm/get.h"
#include "hl7_message.h"
#include "tap.h"

/* ---- paths ---- */

static void good_paths(void)
{
    static const struct {
        const char *text, *name;
        size_t field, repetition, component, subcomponent;
    } cases[] = {
        {"PID-3", "PID", 3, 0, 0, 0},
        {"PID-3.1", "PID", 3, 0, 1, 0},
        {"PID.3.1", "PID", 3, 0, 1, 0},
        {"PID-3[2]", "PID", 3, 2, 0, 0},
        {"PID-3[2].1", "PID", 3, 2, 1, 0},
        {"SPM-2.1.1", "SPM", 2, 0, 1, 1},
        {"ZX1-12[10].11.9", "ZX1", 12, 10, 11, 9},
        {"MSH-999999", "MSH", 999999, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct get_path p;
        ok(get_path_parse(&p, &hl7_get_names, cases[i].text, strlen(cases[i].text)), "%s is a path", cases[i].text);
        is_str(p.name, cases[i].name, "its name");
        ok(p.field == cases[i].field && p.repetition == cases[i].repetition && p.component == cases[i].component &&
               p.subcomponent == cases[i].subcomponent,
           "its numbers");
    }
}

static void bad_paths(void)
{
    static const char *const cases[] = {
        "",
        "P",
        "PID",
        "PID-",
        "PID-0",
        "PID-x",
        "PID3",
        "PID-3.",
        "PID-3.0",
        "PID-3[",
        "PID-3[]",
        "PID-3[0]",
        "PID-3[1",
        "PID-3]",
        "PID-3.1[1]",
        "PID-3.1.1.1",
        "PID 3",
        " PID-3",
        "PID-3 ",
        "PID-3-1",
        "PIDX-3",
        "PI-3",
        "1ID-3",
        "pid-3",
        "PiD-3",
        "PID--3",
        "PID-+3",
        "PID-1000000",
        "PID-99999999999999999999",
        "P.6",
    };
    struct get_path p;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ok(!get_path_parse(&p, &hl7_get_names, cases[i], strlen(cases[i])), "'%s' is none", cases[i]);
    ok(get_path_parse(&p, &astm_get_names, "P.6", 3), "P.6 is one of ASTM");
    ok(get_path_parse(&p, &astm_get_names, "P-6", 3), "and so is P-6");
    ok(!get_path_parse(&p, &astm_get_names, "p.6", 3), "but not p.6");
    ok(!get_path_parse(&p, &astm_get_names, "P.6.1.1", 7), "ASTM has no subcomponents");
    ok(!get_path_parse(&p, &astm_get_names, "PID-3", 5), "nor segments");
}

static void lists(void)
{
    static struct get_paths g;
    char many[GET_PATHS * 6 + 8] = "";
    is_str(get_parse(&g, &hl7_get_names, "MSH-10,PID-3.1,OBX-5,OBX-3.1"), NULL, "a list of paths");
    ok(g.count == 4 && g.deepest == 3, "the last of the deepest makes the rows");
    is_str(get_parse(&g, &hl7_get_names, "OBX-5,MSH-10,NTE,PID-3"), "NTE,PID-3", "the one that is wrong is told");
    is_str(get_parse(&g, &hl7_get_names, "OBX-5,"), "", "an empty one is wrong");
    is_str(get_parse(&g, &hl7_get_names, ""), "", "no path at all is wrong");
    for (size_t i = 0; i < GET_PATHS; i++)
        strcat(many, i ? ",PID-1" : "PID-1");
    is_str(get_parse(&g, &hl7_get_names, many), NULL, "as many as there may be");
    strcat(many, ",PID-2");
    is_str(get_parse(&g, &hl7_get_names, many), "PID-2", "and one more");
}

/* ---- HL7 ---- */

static void is_hl7(const char *paths, const char *text, const char *want)
{
    static struct get_paths g;
    const struct hl7_view_config config = {.get = &g};
    struct bytes out = {0};
    is_str(get_parse(&g, &hl7_get_names, paths), NULL, "%s", paths);
    render(&config, NULL, text, strlen(text), 0, &out);
    is_bytes(out.data, out.len, want, strlen(want), "rows of %s", paths);
    bytes_free(&out);
}

#define MSH "MSH|^~\\&|LAB|MAIN|||20240301||ORU^R01|M1|P|2.5.1\r"

static void hl7_rows(void)
{
    static const char oru[] = MSH "PID|1||7^^^H~8\\T\\8||A^B\rPV1|1|I\rORC|RE|C1\rOBR|1|P1&x^y|F1\r"
                                  "OBX|1|NM|A^a||1\rNTE|1||n1\rNTE|2||n2\rOBX|2|NM|B^b||2~3\rSPM|1|S1\r"
                                  "ORC|RE|C2\rOBR|2|P2\rOBX|1|NM|C||4\rPID|2||9\rOBX|1|NM|D||5\r";
    is_hl7("MSH-10,PID-3.1,OBX-3.1,OBX-5", oru, "M1\t7\tA\t1\nM1\t7\tB\t2~3\nM1\t7\tC\t4\nM1\t9\tD\t5\n");
    is_hl7("PID-3,PID-3[2],PID-3[2].1,PID-3[3],PID-3.4,PID-5.1,PID-99", oru,
           "7^^^H~8&8\t8&8\t8&8\t\tH\tA\t\n9\t\t\t\t\t\t\n");
    is_hl7("MSH-1,MSH-2,MSH-9,MSH-9.2", oru, "|\t^~\\\\&\tORU^R01\tR01\n");
    is_hl7("OBR-2,OBR-2.1,OBR-2.1.1,OBR-2.1.2,OBR-2.2", oru, "P1&x^y\tP1&x\tP1\tx\ty\nP2\tP2\tP2\t\t\n");
    is_hl7("OBX-3.1,SPM-2,ORC-2,OBR-2.2,PV1-2", oru, "A\tS1\tC1\ty\tI\nB\tS1\tC1\ty\tI\nC\t\tC2\t\tI\nD\t\t\t\t\n");
    is_hl7("OBX-3.1,NTE-3", oru, "A\tn1\nA\tn2\n");
    is_hl7("SPM-2,PID-3.1", oru, "S1\t7\n");
    is_hl7("ORC-2,PID-3.1", oru, "C1\t7\nC2\t7\n");
    is_hl7("ZZZ-1", oru, "");
    is_hl7("OBX-5,MSA-1", MSH "MSA|AA|1\rOBX|1|NM|A||1\r", "1\tAA\n");
    is_hl7("MSA-1,MSH-10", MSH "MSA|AA|1\r", "AA\tM1\n");
    is_hl7("OBR-1,ZX1-1", MSH "ZX1|0\rOBR|1\rZX1|a\rZX1|b\rOBR|2\rZX1|c\r", "\t0\n1\ta\n1\tb\n2\tc\n");
    is_hl7("OBX-1,ZX1-1", MSH "OBX|1\rZX1|a\rOBX|2\r", "1\ta\n");
    is_hl7("SPM-2,OBR-1", MSH "SPM|1|S1\rOBR|1\rOBR|2\rSPM|2|S2\rOBR|3\r", "S1\t1\nS1\t2\nS2\t3\n");
    is_hl7("OBR-1,NTE-3", MSH "ORC|1\rNTE|1||o\rOBR|1\rNTE|1||r\rORC|2\rNTE|1||o2\rOBR|2\r", "\to\n1\tr\n\to2\n");
    is_hl7("OBX-5", MSH "OBX|1|TX|||a\tb\\.br\\c\\X0D\\\\E\\d\rOBX|2|TX|||\"\"\rOBX|3|TX\r",
           "a\\tb\\nc\\r\\\\d\n\"\"\n\n");
    is_hl7("PID-3,OBX-5", MSH "PID|1||\xFC\rOBX|1|TX|||\xE4\r", "\xC3\xBC\t\xC3\xA4\n");
}

/* ---- ASTM ---- */

static void is_astm(const char *paths, const char *text, const char *want)
{
    static struct get_paths g;
    static const struct envelope envelope;
    const struct astm_view_config config = {.format = VIEW_TEXT};
    const struct message message = {.text = (const unsigned char *)text, .len = strlen(text), .complete = true};
    struct astm_get get = {.paths = &g};
    struct astm_view view = {0};
    struct bytes out = {0};
    is_str(get_parse(&g, &astm_get_names, paths), NULL, "%s", paths);
    if (!astm_view_begin(&view, &config, &message, &envelope))
        abort();
    astm_get_begin(&get);
    while (astm_get_more(&get, &view, &out) == VIEW_GOES_ON)
        ;
    is_bytes(out.data, out.len, want, strlen(want), "rows of %s", paths);
    astm_get_free(&get);
    astm_view_free(&view);
    bytes_free(&out);
}

static void astm_rows(void)
{
    static const char text[] = "H|\\^&|C1||lab^1\rP|1|||7|DOE^JANE\rC|1|I|on the patient\rO|1|S1\\S2||^^^A\\^^^B\r"
                               "R|1|^^^A|5.4\rC|1|I|on A\rR|2|^^^B|x&S&y\rO|2|S3\rR|1|^^^C|7\rP|2|||8\rO|1|S4\r"
                               "R|1|^^^D|\rL|1|N\r";
    is_astm("P.6.1,R.3.4,R.4", text, "DOE\tA\t5.4\nDOE\tB\tx^y\nDOE\tC\t7\n\tD\t\n");
    is_astm("H.2,H.3,H.5.2,P.5", text, "\\\\^&\tC1\t1\t7\n\\\\^&\tC1\t1\t8\n");
    is_astm("O.3,O.3[2],O.3[2].1,O.5[2].4", text, "S1\\\\S2\tS2\tS2\tB\nS3\t\t\t\nS4\t\t\t\n");
    is_astm("P.5,O.3.1,R.3.4,C.4", text, "7\t\t\ton the patient\n7\tS1\tA\ton A\n");
    is_astm("H.3,L.3", text, "C1\tN\n");
    is_astm("M.3", text, "");
    is_astm("R-4", "R|1|^^^A|\xFC\r", "\xC3\xBC\n");
}

int main(void)
{
    good_paths();
    bad_paths();
    lists();
    hl7_rows();
    astm_rows();
    return done();
}
