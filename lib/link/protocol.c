#include "link/protocol.h"

#include "link/detect.h"

#include <stdio.h>

struct link_config link_defaults(const struct protocol *protocol, enum astm_role role)
{
    return (struct link_config){
        .protocol = protocol,
        .astm = astm_link_defaults(role),
        .hl7 = hl7_link_defaults(),
        .connect_ms = 10000,
        .retry_min_ms = 5000,
        .retry_max_ms = 600000,
        .retry_factor = 1.5,
        .max_retries = UINT64_MAX,
    };
}

void machine_init(struct machine *m, const struct link_config *config, const struct machine_owner *owner, uint64_t seed)
{
    m->protocol = config->protocol;
    m->config = config;
    m->owner = *owner;
    m->seed = seed;
    m->foreign_told = false;
    m->protocol->init(m);
}

/* ---- detection ---- */

static void tell(struct machine *m, enum log_level level, const char *name, const char *text)
{
    const struct machine_notice notice = {&protocol_auto, 0, level, name, text};
    m->owner.observer->notice(m->owner.context, &notice);
}

static void become(struct machine *m, const struct protocol *protocol, const char *sign)
{
    char text[80];
    snprintf(text, sizeof text, "this is %s: %s", protocol == &protocol_hl7 ? "HL7" : "ASTM", sign);
    m->protocol->free(m);
    m->protocol = protocol;
    protocol->init(m);
    tell(m, LOG_EVENT, "protocol", text);
}

static void tell_foreign(struct machine *m, const struct protocol *protocol, const char *sign)
{
    char text[120];
    bool hl7 = protocol == &protocol_hl7;
    if (m->foreign_told)
        return;
    m->foreign_told = true;
    snprintf(text, sizeof text, "the other side speaks %s (%s), this link is for %s", hl7 ? "HL7" : "ASTM", sign,
             hl7 ? "ASTM" : "HL7");
    tell(m, LOG_ERROR, "wrong-protocol", text);
}

size_t machine_look(struct machine *m, const unsigned char *bytes, size_t n)
{
    enum { ENQ = 0x05 };
    const char *sign = "";
    size_t undecided = 0;
    bool detects = m->config->protocol == &protocol_auto;
    enum detect found = detect_protocol(bytes, n, &undecided, &sign);
    const struct protocol *protocol = found == DETECT_HL7 ? &protocol_hl7 : &protocol_astm;
    if (detects && (!found || undecided < n)) /* what comes before a sign is looked at by the machine that is there */
        return n - undecided;
    if (found && protocol != m->protocol) {
        if (detects)
            become(m, protocol, sign);
        else
            tell_foreign(m, protocol, sign);
    }
    return detects && *bytes == ENQ ? 1 : n; /* behind an ENQ that was noise, another protocol may begin */
}

const char *protocol_restricted(const unsigned char *text, size_t n)
{
    static const char *const names[] = {
        [0x02] = "it holds STX", [0x03] = "it holds ETX", [0x04] = "it holds EOT", [0x05] = "it holds ENQ",
        [0x0B] = "it holds VT",  [0x17] = "it holds ETB", [0x1C] = "it holds FS",
    };
    for (size_t i = 0; i < n; i++)
        if (text[i] < sizeof names / sizeof *names && names[text[i]])
            return names[text[i]];
    return NULL;
}

void views_free(struct views *v)
{
    astm_view_free(&v->astm);
    astm_get_free(&v->get);
    hl7_view_free(&v->hl7);
}
