#include "base/option.h"

#include "tap.h"

static void sizes(void)
{
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {
        {"0", 0}, {"1", 1}, {"4096", 4096}, {"10M", 10485760}, {"10m", 10485760}, {"1k", 1024}, {"1K", 1024}, {"0G", 0},
        {"3G", UINT64_C(3221225472)}, {"3g", UINT64_C(3221225472)}, {"007", 7},
        {"18446744073709551615", UINT64_MAX}, {"18014398509481983K", UINT64_MAX - 1023},
    };
    static const char *const bad[] = {
        "", " ", "K", "-1", "+1", " 1", "1 ", "1 K", "1B", "1KB", "1KiB", "1.5K", "1e3", "0x10", "1T", "1KK",
        "18446744073709551616", "184467440737095516150", "18014398509481984K", "17179869184G", "99999999999999999999",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        size_t size = 4711;
        bool fits = good[i].size <= SIZE_MAX;
        ok(parse_size(good[i].text, &size) == fits && size == (fits ? good[i].size : 4711), "size %s", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t size = 4711;
        ok(!parse_size(bad[i], &size) && size == 4711, "no size: '%s'", bad[i]);
    }
}

static void durations(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"0", 0}, {"0.0", 0}, {"0ms", 0}, {"1", 1000}, {"0.1", 100}, {".5", 500}, {"10s", 10000}, {"250ms", 250},
        {"1.5m", 90000}, {"2h", 7200000}, {"0.1h", 360000}, {"0.001", 1}, {"0.0001", 1}, {"0.000000000000000001", 1},
        {"0.5ms", 1}, {"1.0000000000ms", 1}, {"0.333", 333}, {"00.25", 250}, {"87600h", INT64_C(315360000000)},
        {"315360000", INT64_C(315360000000)}, {"0.999999999999", 1000},
    };
    static const char *const bad[] = {
        "", ".", "s", "ms", "-1", "-0", "+1", " 1", "1 ", "1 s", "1.", "1.s", "1..5", "1.5.5", "1,5", "1e3", "1d", "1S",
        "1M", "1sm", "1ms ", "inf", "nan", "0x1", "87600.1h", "87601h", "315360000.001", "18446744073709551616",
        "18446744073709551615h", "9223372036854775807",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ms = -1;
        ok(parse_duration_ms(good[i].text, &ms), "duration %s", good[i].text);
        is_int(ms, good[i].ms, "%s in milliseconds", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms = -1;
        ok(!parse_duration_ms(bad[i], &ms) && ms == -1, "no duration: '%s'", bad[i]);
    }
}

static void counts(void)
{
    static const char *const bad[] = {"", " 1", "1 ", "-1", "+1", "1K", "1.0", "0x1", "18446744073709551616"};
    uint64_t count = 0;
    ok(parse_count("18446744073709551615", &count) && count == UINT64_MAX, "the greatest count");
    ok(parse_count("0", &count) && count == 0, "the least count");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        count = 42;
        ok(!parse_count(bad[i], &count) && count == 42, "no count: '%s'", bad[i]);
    }
}

static void ranges(void)
{
    static const struct {
        const char *text;
        int low, high;
        bool good;
        int value;
    } cases[] = {
        {"1", 1, 65535, true, 1}, {"65535", 1, 65535, true, 65535}, {"0", 1, 65535, false, 0},
        {"65536", 1, 65535, false, 0}, {"-5", -10, 10, true, -5}, {"-0", 0, 10, true, 0}, {"-11", -10, 10, false, 0},
        {"2147483647", INT32_MIN, INT32_MAX, true, INT32_MAX}, {"-2147483648", INT32_MIN, INT32_MAX, true, INT32_MIN},
        {"2147483648", INT32_MIN, INT32_MAX, false, 0}, {"-2147483649", INT32_MIN, INT32_MAX, false, 0},
        {"9223372036854775808", INT32_MIN, INT32_MAX, false, 0}, {"4294967297", 0, 10, false, 0},
        {"18446744073709551617", 0, 10, false, 0}, {"", 0, 10, false, 0}, {"-", -10, 10, false, 0},
        {"--1", -10, 10, false, 0}, {"+1", 0, 10, false, 0}, {"1x", 0, 10, false, 0}, {" 1", 0, 10, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int value = 777;
        bool good = parse_int_range(cases[i].text, cases[i].low, cases[i].high, &value);
        ok(good == cases[i].good && value == (good ? cases[i].value : 777), "'%s' is %s from %d to %d", cases[i].text,
           cases[i].good ? "a number" : "no number", cases[i].low, cases[i].high);
    }
}

int main(void)
{
    sizes();
    durations();
    counts();
    ranges();
    return done();
}
