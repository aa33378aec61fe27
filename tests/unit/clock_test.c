#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

#include "tap.h"

static void clocks(void)
{
    int64_t before = clock_ms();
    time_t now = time(NULL);
    int64_t wall = clock_wall_us(), fine = clock_us();
    ok(before > 0 && clock_ms() >= before, "the monotonic clock does not go back");
    ok(fine / 1000 - before <= 60000 && fine / 1000 >= before && clock_us() >= fine, "nor does it in microseconds");
    ok(wall / 1000000 - now <= 1 && now - wall / 1000000 <= 1, "the wall clock agrees with time()");
}

static void texts(void)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {INT64_C(1795224600123456), "2026-11-21T01:30:00.123456Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z"},
        {INT64_C(951868799999999), "2000-02-29T23:59:59.999999Z"},
        {INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"},
        {INT64_C(253402300800000000), "9999-12-31T23:59:59.999999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999999Z"},
        {INT64_C(-62167219200000000), "0000-01-01T00:00:00.000000Z"},
        {INT64_C(-62162035200000001), "0000-02-29T23:59:59.999999Z"},
        {INT64_C(-62162035200000000), "0000-03-01T00:00:00.000000Z"},
        {INT64_C(-62167219200000001), "0000-01-01T00:00:00.000000Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000000Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[28];
        time_iso_us(cases[i].us, out);
        is_str(out, cases[i].text, "%lld microseconds", (long long)cases[i].us);
    }
}

/* From 0000 to 9999, each day once. */
static void every_day(void)
{
    int64_t wrong = 0;
    for (int64_t day = -719528; day < 2932897; day++) {
        time_t seconds = (time_t)(day * 86400 + (day & 0xFFFF));
        struct tm tm;
        char out[28], want[64];
        time_iso_us((int64_t)seconds * 1000000 + 42, out);
        gmtime_r(&seconds, &tm);
        snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.000042Z", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        wrong += strcmp(out, want) != 0;
    }
    is_int(wrong, 0, "each day of ten thousand years is as gmtime has it");
}

static void ident_shape(void)
{
    struct ident d = {.high = 0x1234, .low = UINT64_C(0x56789ABCDEF01233)};
    char out[27];
    ident_next(&d, INT64_C(1469918176385) * 1000 + 999, out);
    is_str(out, "01ARYZ6S4128T5CY4TQKFF04HM", "48 bits of milliseconds, then 80 that count");
    d = (struct ident){.high = 0x1234, .low = UINT64_MAX};
    ident_next(&d, 0, out);
    is_str(out, "000000000028TG000000000000", "counting carries into the upper 16 bits");
    d = (struct ident){.high = 0x7FFF, .low = UINT64_MAX - 1};
    ident_next(&d, INT64_MAX, out);
    is_str(out, "7ZZZZZZZZZFZZZZZZZZZZZZZZZ", "a time that 48 bits do not hold is the last");
    d = (struct ident){0};
    ident_next(&d, INT64_MIN, out);
    is_str(out, "00000000000000000000000001", "a time before 1970 is the first");
}

static void ident_order(void)
{
    static const int64_t steps[] = {0, 1, 999, 1000, -1, -1000000, 0, 5000, -5000, 60000000};
    struct ident d, other;
    int64_t now = INT64_C(1795224600123456), wrong = 0;
    char last[27] = "", out[27];
    ident_init(&d);
    for (size_t i = 0; i < 200000; i++) {
        now += steps[i % (sizeof steps / sizeof *steps)];
        ident_next(&d, now, out);
        wrong += strlen(out) != 26 || strcmp(out, last) <= 0;
        memcpy(last, out, sizeof last);
    }
    is_int(wrong, 0, "each identifier is greater than the one before, wherever the clock goes");
    ident_init(&d);
    ident_init(&other);
    ok(d.high < 0x8000 && d.ms == 0, "half of the 80 bits are left to count");
    ok(d.low != other.low, "two beginnings differ");
}

/* Zones by their rules, so that no file has to be there that tells of them. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define ST_JOHNS "NST3:30NDT,M3.2.0,M11.1.0"

static void local_times(void)
{
    static const struct {
        const char *zone;
        int64_t us;
        const char *text;
    } cases[] = {
        {"UTC0", 0, "19700101000000.000+0000"},
        {"UTC0", INT64_C(1795224600123456), "20261121013000.123+0000"},
        {"UTC0", 999, "19700101000000.000+0000"},
        {"UTC0", 1000, "19700101000000.001+0000"},
        {"UTC0", 999999, "19700101000000.999+0000"},
        {"UTC0", INT64_C(253402214399999999), "99991230235959.999+0000"},
        {"UTC0", INT64_C(-59011459200000000), "01000101000000.000+0000"},
        /* before 1970 the parts of a second still count up */
        {"UTC0", -1, "19691231235959.999+0000"},
        {"UTC0", -1000000, "19691231235959.000+0000"},
        {"UTC0", -999999, "19691231235959.000+0000"},
        {"UTC0", INT64_C(-2208988800000000), "19000101000000.000+0000"},
        {BERLIN, INT64_C(1795224600123456), "20261121023000.123+0100"},
        {BERLIN, -1, "19700101005959.999+0100"},
        /* the hour that is left out, and the one that comes twice */
        {BERLIN, INT64_C(1774745999999999), "20260329015959.999+0100"},
        {BERLIN, INT64_C(1774746000000000), "20260329030000.000+0200"},
        {BERLIN, INT64_C(1792889999000000), "20261025025959.000+0200"},
        {BERLIN, INT64_C(1792890000000000), "20261025020000.000+0100"},
        {ST_JOHNS, INT64_C(1795224600123456), "20261120220000.123-0330"},
        {ST_JOHNS, INT64_C(1783000000000000), "20260702111640.000-0230"},
        {"<+0545>-5:45", 0, "19700101054500.000+0545"},
        {"<+14>-14", INT64_C(1795224600123456), "20261121153000.123+1400"},
        {"<-12>12", INT64_C(1795224600123456), "20261120133000.123-1200"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *out = malloc(32);
        setenv("TZ", cases[i].zone, 1);
        tzset();
        time_hl7_us(cases[i].us, out);
        is_str(out, cases[i].text, "%lld microseconds in %s", (long long)cases[i].us, cases[i].zone);
        free(out);
    }
}

/* Where a zone moves a time out of the years that have four digits, whatever is written fits. */
static void far_times(void)
{
    static const char *const zones[] = {"UTC0", BERLIN, ST_JOHNS, "<+14>-14", "<-12>12"};
    static const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_C(-62167219200000000), INT64_C(253402300799999999)};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        for (size_t j = 0; j < sizeof times / sizeof *times; j++) {
            char *out = malloc(32);
            setenv("TZ", zones[i], 1);
            tzset();
            time_hl7_us(times[j], out);
            ok(strnlen(out, 32) == 23 && strspn(out, "0123456789") == 14 && out[14] == '.',
               "a time at the edge, in %s: %.31s", zones[i], out);
            free(out);
        }
}

static void short_shape(void)
{
    struct short_ident d = {.salt = 0};
    char out[16];
    short_ident_next(&d, 0, out);
    is_str(out, "000000000010000", "55 bits of microseconds, which never are the same again, then 20 of salt");
    d = (struct short_ident){.salt = 0x12345};
    short_ident_next(&d, INT64_C(1795224600123456), out);
    is_int(strlen(out), 15, "15 characters");
    short_ident_next(&d, INT64_C(1795224600123457), out);
    is_str(out + 11, "5T82", "the salt, five bits a character");
    char before[16];
    memcpy(before, out, sizeof before);
    short_ident_next(&d, INT64_C(1795224600123457), out);
    ok(strcmp(before, out) < 0, "the clock stands still");
    short_ident_next(&d, INT64_C(1795224600123458), out);
    memcpy(before, out, sizeof before);
    short_ident_next(&d, -1, out);
    ok(strcmp(before, out) < 0, "it goes back before 1970");
    short_ident_next(&d, INT64_MIN, before);
    ok(strcmp(out, before) < 0, "as far as it can");
}

static void short_order(void)
{
    static const int64_t steps[] = {0, 1, 999, -1, -1000000, 0, 5000, -5000, 60000000};
    struct short_ident d, other;
    int64_t now = INT64_C(1795224600123456), wrong = 0;
    char last[16] = "", out[16];
    short_ident_init(&d);
    for (size_t i = 0; i < 200000; i++) {
        now += steps[i % (sizeof steps / sizeof *steps)];
        short_ident_next(&d, now, out);
        wrong += strlen(out) != 15 || strspn(out, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != 15 || strcmp(out, last) <= 0;
        memcpy(last, out, sizeof last);
    }
    is_int(wrong, 0, "each short identifier is greater than the one before, wherever the clock goes");
    ok(d.salt < 1u << 24 && d.us, "it remembers the time");
    int alike = 0;
    for (int i = 0; i < 8; i++) {
        short_ident_init(&d);
        short_ident_init(&other);
        short_ident_next(&d, now, out);
        short_ident_next(&other, now, last);
        alike += strcmp(out, last) == 0;
    }
    ok(alike < 8, "two processes have others at the same time");
}

/* What is kept for a second reads as what is written anew. */
static void kept_texts(void)
{
    static const int64_t moments[] = {0,  1,       999999,   1000000, 1000001,         1999999,
                                      -1, -999999, -1000001, 5,       1795224600123456};
    struct time_text iso = {0}, hl7 = {0};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        char want[32];
        time_iso_us(moments[i], want);
        is_str(time_iso_text(&iso, moments[i]), want, "%lld us, ISO 8601", (long long)moments[i]);
        time_hl7_us(moments[i], want);
        is_str(time_hl7_text(&hl7, moments[i]), want, "%lld us, HL7", (long long)moments[i]);
    }
}

int main(void)
{
    kept_texts();
    clocks();
    texts();
    every_day();
    ident_shape();
    ident_order();
    local_times();
    far_times();
    short_shape();
    short_order();
    return done();
}
