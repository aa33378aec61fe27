#include "hl7/get.h"

enum { MESSAGE, HEAD, PATIENT, VISIT, SPECIMEN, COMMON_ORDER, ORDER, RESULT, OTHER, COMMENT };

/* How deep segments stand; those that are not named here are OTHER: they may stand under any. */
static const struct {
    const char *name;
    unsigned depth;
} depths[] = {
    {"MSH", MESSAGE},      {"EVN", HEAD},  {"MSA", HEAD},   {"ERR", HEAD},    {"SFT", HEAD},     {"UAC", HEAD},
    {"QAK", HEAD},         {"QPD", HEAD},  {"QRD", HEAD},   {"QRF", HEAD},    {"PID", PATIENT},  {"EQU", PATIENT},
    {"PD1", VISIT},        {"NK1", VISIT}, {"PV1", VISIT},  {"PV2", VISIT},   {"SPM", SPECIMEN}, {"SAC", SPECIMEN},
    {"ORC", COMMON_ORDER}, {"OBR", ORDER}, {"OBX", RESULT}, {"NTE", COMMENT},
};

static unsigned depth_of(const char *name)
{
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
        if (strcmp(name, depths[i].name) == 0)
            return depths[i].depth;
    return OTHER;
}

const struct get_names hl7_get_names = {3, true, depth_of};

struct hl7_slice hl7_get_slice(struct hl7_slice segment, const struct hl7_separators *s, const struct get_path *path)
{
    struct hl7_slice text = hl7_field(segment, s, path->field);
    if (path->field <= 2 && hl7_begins(segment.p, segment.n, "MSH"))
        return text;
    if (path->repetition || path->component)
        text = hl7_part(text, s->repetition, path->repetition ? path->repetition - 1 : 0);
    if (path->component)
        text = hl7_part(text, s->component, path->component - 1);
    if (path->subcomponent)
        text = hl7_part(text, s->subcomponent, path->subcomponent - 1);
    return text;
}
