#include "link_options.h"

#include "base/option.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Says why a value was not taken; returns false. */
static bool refuse(struct link_options *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(struct link_options *o, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(o->wrong, sizeof o->wrong, format, args);
    va_end(args);
    o->status = STATUS_USAGE;
    return false;
}

static bool take_time(struct link_options *o, const char *value, int64_t *ms)
{
    return parse_duration_ms(value, ms) ||
           refuse(o, "'%s' is no time (seconds, or a number with ms, s, m or h behind it)", value);
}

/* A wait of no time at all would be over before it began. */
static bool take_wait(struct link_options *o, const char *value, int64_t *ms)
{
    return take_time(o, value, ms) && (*ms > 0 || refuse(o, "'%s' leaves no time at all", value));
}

/* ---- both ---- */

static bool take_charset(struct link_options *o, const char *value)
{
    charset_close(&o->charset);
    if (!charset_open(&o->charset, value))
        return refuse(o, "'%s' is not known here", value);
    o->config.astm_view.charset = o->config.hl7_view.charset = &o->charset;
    return true;
}

static bool take_idle_timeout(struct link_options *o, const char *value)
{
    return take_time(o, value, &o->config.idle_ms);
}

static bool take_message_timeout(struct link_options *o, const char *value)
{
    if (!take_wait(o, value, &o->config.astm.message_ms))
        return false;
    o->config.hl7.message_ms = o->config.astm.message_ms;
    return true;
}

static bool take_max_message(struct link_options *o, const char *value)
{
    size_t size;
    if (!parse_size(value, &size) || !size)
        return refuse(o, "'%s' is no size (a number, K, M or G behind it)", value);
    o->config.astm.max_message = o->config.hl7.max_message = size;
    return true;
}

static bool take_connect_timeout(struct link_options *o, const char *value)
{
    return take_wait(o, value, &o->config.connect_ms);
}

static bool take_retry(struct link_options *o, const char *value)
{
    char copy[96], *factor, *max;
    int64_t thousandths;
    struct link_config *c = &o->config;
    snprintf(copy, sizeof copy, "%s", value);
    factor = strchr(copy, ',');
    max = factor ? strchr(factor + 1, ',') : NULL;
    if (max) {
        *factor++ = 0;
        *max++ = 0;
        /* the factor is a decimal number, which a time in seconds is as well */
        if (parse_duration_ms(copy, &c->retry_min_ms) && parse_duration_ms(factor, &thousandths) &&
            thousandths >= 1000 && parse_duration_ms(max, &c->retry_max_ms) && c->retry_min_ms > 0 &&
            c->retry_max_ms >= c->retry_min_ms) {
            c->retry_factor = (double)thousandths / 1000;
            return true;
        }
    }
    return refuse(o, "'%s' is not MIN,FACTOR,MAX, as in 5,1.5,600", value);
}

static bool take_max_retries(struct link_options *o, const char *value)
{
    return parse_count(value, &o->config.max_retries) || refuse(o, "'%s' is no number", value);
}

static bool take_networks(struct link_options *o, const char *value, struct allow *networks)
{
    const char *wrong;
    if (allow_add(networks, value, &wrong))
        return true;
    int n = (int)strcspn(wrong, ",");
    return networks->n == ALLOW_MAX ? refuse(o, "'%.*s' is one too many: there are %d at most", n, wrong, ALLOW_MAX)
                                    : refuse(o, "'%.*s' is no network, as in 10.0.0.0/8 or 2001:db8::/32", n, wrong);
}

static bool take_allow(struct link_options *o, const char *value)
{
    return take_networks(o, value, &o->config.allow);
}

static bool take_proxy_protocol(struct link_options *o, const char *value)
{
    (void)value;
    return o->config.proxy_protocol = true;
}

static bool take_proxy_from(struct link_options *o, const char *value)
{
    return take_networks(o, value, &o->config.proxy_from) && take_proxy_protocol(o, NULL);
}

static bool take_max_per_peer(struct link_options *o, const char *value)
{
    uint64_t number;
    if (!parse_count(value, &number) || !number || number > 1 << 20)
        return refuse(o, "'%s' is no number from 1 to %d", value, 1 << 20);
    o->config.max_per_peer = (size_t)number;
    return true;
}

static bool take_replace(struct link_options *o, const char *value)
{
    (void)value;
    return o->config.replace = true;
}

/* ---- ASTM ---- */

static bool take_checksum(struct link_options *o, const char *value)
{
    return astm_checksum_parse(value, &o->config.astm.checksum) ||
           refuse(o, "'%s' is none of std, noterm, stx, xor, none, auto", value);
}

/* What is learned is what the other side sends. */
static bool take_sent_checksum(struct link_options *o, const char *value)
{
    return (astm_checksum_parse(value, &o->config.astm.checksum) && o->config.astm.checksum != ASTM_CHECKSUM_AUTO) ||
           refuse(o, "'%s' is none of std, noterm, stx, xor, none", value);
}

static bool take_frame_numbers(struct link_options *o, const char *value)
{
    o->config.astm.any_frame_number = strcmp(value, "any") == 0;
    return o->config.astm.any_frame_number || strcmp(value, "strict") == 0 ||
           refuse(o, "'%s' is neither strict nor any", value);
}

static bool take_role(struct link_options *o, const char *value)
{
    bool host = strcmp(value, "host") == 0;
    o->config.astm.role = host ? ASTM_HOST : ASTM_INSTRUMENT;
    return host || strcmp(value, "instrument") == 0 || refuse(o, "'%s' is neither host nor instrument", value);
}

static bool take_interrupt(struct link_options *o, const char *value)
{
    (void)value;
    return o->config.astm.interrupt = true;
}

/* One `name=value` of a list. The value ends at the comma or the end. */
static bool timer(const char *text, size_t n, const char *name, int64_t *ms)
{
    char value[32];
    size_t name_len = strlen(name);
    if (n <= name_len || n - name_len - 1 >= sizeof value || strncmp(text, name, name_len) != 0 ||
        text[name_len] != '=')
        return false;
    memcpy(value, text + name_len + 1, n - name_len - 1);
    value[n - name_len - 1] = 0;
    return parse_duration_ms(value, ms) && *ms > 0;
}

static bool take_timers(struct link_options *o, const char *value)
{
    struct astm_link_config *c = &o->config.astm;
    for (const char *p = value;;) {
        size_t n = strcspn(p, ",");
        if (!timer(p, n, "reply", &c->reply_ms) && !timer(p, n, "receive", &c->receive_ms) &&
            !timer(p, n, "busy", &c->busy_ms) && !timer(p, n, "contention", &c->contention_ms))
            return refuse(o, "'%.*s' is none of reply=, receive=, busy=, contention= and a time", (int)n, p);
        if (!p[n])
            break;
        p += n + 1;
    }
    /* half of a short one is left for a message to be handed over */
    return c->reply_ms >= 2 || !(o->side & LINK_RECEIVES) ||
           refuse(o, "reply: nothing is left of it to hand a message over");
}

static bool refuse_file(struct link_options *o, const char *file, const char *why)
{
    refuse(o, "%s: %s", file, why);
    o->status = STATUS_NO_INPUT;
    return false;
}

/* The first line of a file, so that no list of processes shows it. It is read for each link, and again with the links:
 * what can be read only once, or might never end, is none. */
static bool take_password(struct link_options *o, const char *value)
{
    size_t size = 0;
    struct stat status;
    int fd = open(value, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    free(o->password);
    o->config.password = o->password = NULL;
    if (!f) {
        int error = errno;
        refuse_file(o, value, strerror(error));
        o->status = error == EACCES ? STATUS_NOT_PERMITTED : STATUS_NO_INPUT;
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        refuse_file(o, value, "it is no regular file");
    } else if (getline(&o->password, &size, f) > 0) {
        o->password[strcspn(o->password, "\r\n")] = 0;
        o->config.password = o->password;
    } else {
        refuse_file(o, value, ferror(f) ? strerror(errno) : "it is empty");
    }
    fclose(f);
    return o->config.password;
}

static bool take_size(struct link_options *o, const char *value)
{
    size_t *size = &o->config.astm.frame_size;
    if (!parse_size(value, size) || !*size)
        return refuse(o, "'%s' is no size (a number, K, M or G behind it)", value);
    return *size <= ASTM_TEXT_LARGE || refuse(o, "a frame has at most %d bytes of text", ASTM_TEXT_LARGE);
}

static bool take_whole(struct link_options *o, const char *value)
{
    (void)value;
    return o->config.astm.whole = true;
}

/* ---- HL7 ---- */

static bool take_ack(struct link_options *o, const char *value)
{
    return hl7_ack_parse(value, &o->config.hl7.ack) ||
           refuse(o, "'%s' is none of auto, original, enhanced, none", value);
}

static bool take_mllp(struct link_options *o, const char *value)
{
    if (strcmp(value, "1") != 0 && strcmp(value, "2") != 0)
        return refuse(o, "'%s' is no release; there are 1 and 2", value);
    o->config.hl7.release = (unsigned)(*value - '0');
    return true;
}

static bool take_mllp_strict(struct link_options *o, const char *value)
{
    (void)value;
    return o->config.hl7.strict = true;
}

static bool take_segment_end(struct link_options *o, const char *value)
{
    return hl7_segment_end_parse(value, &o->config.hl7.segment_end) || refuse(o, "'%s' is none of auto, cr, lf", value);
}

static bool take_specimen(struct link_options *o, const char *value)
{
    const char *wrong = hl7_specimen_parse(&o->specimen_paths, value);
    if (wrong)
        return refuse(o, "'%.*s' is no field of SPM, SAC, OBR, ORC or PID, as in OBR-2.1", (int)strcspn(wrong, ","),
                      wrong);
    o->specimen = (struct hl7_specimen){o->specimen_paths.path, o->specimen_paths.count};
    o->config.hl7_view.specimen = &o->specimen;
    return true;
}

static bool take_answer_timeout(struct link_options *o, const char *value)
{
    return take_wait(o, value, &o->config.hl7.answer_ms);
}

/* Which link it is shows when all are known. */
static bool take_orders(struct link_options *o, const char *value)
{
    free(o->orders);
    o->config.orders = o->orders = strdup(value);
    return o->orders || refuse(o, "memory is exhausted");
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    unsigned fields; /* LINK_… */
    bool flag;       /* it has no value */
    bool (*take)(struct link_options *o, const char *value);
} table[] = {
    {"charset", LINK_ASTM | LINK_HL7 | LINK_RECEIVES, false, take_charset},
    {"message-timeout", LINK_ASTM | LINK_HL7 | LINK_RECEIVES, false, take_message_timeout},
    {"idle-timeout", LINK_ASTM | LINK_HL7 | LINK_RECEIVES, false, take_idle_timeout},
    {"max-message", LINK_ASTM | LINK_HL7 | LINK_RECEIVES, false, take_max_message},
    {"connect-timeout", LINK_ASTM | LINK_HL7 | LINK_SENDS | LINK_RECEIVES, false, take_connect_timeout},
    {"retry", LINK_ASTM | LINK_HL7 | LINK_SENDS | LINK_RECEIVES, false, take_retry},
    {"max-retries", LINK_ASTM | LINK_HL7 | LINK_SENDS | LINK_RECEIVES, false, take_max_retries},
    {"allow", LINK_ASTM | LINK_HL7 | LINK_RECEIVES, false, take_allow},
    {"max-connections-per-peer", LINK_ASTM | LINK_HL7 | LINK_RECEIVES, false, take_max_per_peer},
    {"replace", LINK_ASTM | LINK_HL7 | LINK_RECEIVES, true, take_replace},
    {"proxy-protocol", LINK_ASTM | LINK_HL7 | LINK_RECEIVES, true, take_proxy_protocol},
    {"proxy-from", LINK_ASTM | LINK_HL7 | LINK_RECEIVES, false, take_proxy_from},
    {"checksum", LINK_ASTM | LINK_RECEIVES, false, take_checksum},
    {"checksum", LINK_ASTM | LINK_SENDS, false, take_sent_checksum},
    {"frame-numbers", LINK_ASTM | LINK_RECEIVES, false, take_frame_numbers},
    {"role", LINK_ASTM | LINK_SENDS | LINK_RECEIVES, false, take_role},
    {"interrupt", LINK_ASTM | LINK_RECEIVES, true, take_interrupt},
    {"timers", LINK_ASTM | LINK_SENDS | LINK_RECEIVES, false, take_timers},
    {"password", LINK_ASTM | LINK_RECEIVES, false, take_password},
    {"size", LINK_ASTM | LINK_SENDS, false, take_size},
    {"whole", LINK_ASTM | LINK_SENDS, true, take_whole},
    {"ack", LINK_HL7 | LINK_RECEIVES, false, take_ack},
    {"mllp", LINK_HL7 | LINK_SENDS | LINK_RECEIVES, false, take_mllp},
    {"mllp-strict", LINK_HL7 | LINK_SENDS | LINK_RECEIVES, true, take_mllp_strict},
    {"segment-end", LINK_HL7 | LINK_RECEIVES, false, take_segment_end},
    {"specimen", LINK_HL7 | LINK_RECEIVES, false, take_specimen},
    {"answer-timeout", LINK_HL7 | LINK_SENDS | LINK_RECEIVES, false, take_answer_timeout},
    {"orders", LINK_HL7 | LINK_RECEIVES, false, take_orders},
};

enum { OPTIONS = sizeof table / sizeof *table };

void link_options_init(struct link_options *o, const struct protocol *protocol, unsigned side, enum astm_role role)
{
    *o = (struct link_options){.config = link_defaults(protocol, role), .side = side};
}

bool link_option_take(struct link_options *o, const char *name, const char *value)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (!(table[i].fields & o->side) || strcmp(table[i].name, name) != 0)
            continue;
        if (table[i].flag != !value)
            return refuse(o, table[i].flag ? "it has no value" : "it needs a value");
        return table[i].take(o, value);
    }
    return refuse(o, "there is no such option");
}

bool link_option_for(const char *name, unsigned protocol)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (table[i].fields & protocol && strcmp(table[i].name, name) == 0)
            return true;
    return false;
}

void link_options_list(struct option *list, size_t n, unsigned protocols, unsigned side)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (table[i].fields & protocols && table[i].fields & side)
            list[n++] =
                (struct option){table[i].name, table[i].flag ? no_argument : required_argument, NULL, LINK_OPTION};
    list[n] = (struct option){0};
}

const struct protocol *link_protocol(const char *name)
{
    static const struct protocol *const all[] = {&protocol_astm, &protocol_hl7, &protocol_auto};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

void link_options_free(struct link_options *o)
{
    charset_close(&o->charset);
    free(o->password);
    free(o->orders);
}
