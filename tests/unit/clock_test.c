#include "base/clock.h"

#include <time.h>

#include "tap.h"

static void clocks(void)
{
    int64_t before = clock_ms();
    time_t now = time(NULL);
    int64_t wall = clock_wall_us();
    ok(before > 0 && clock_ms() >= before, "the monotonic clock does not go back");
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

int main(void)
{
    clocks();
    texts();
    every_day();
    ident_shape();
    ident_order();
    return done();
}
