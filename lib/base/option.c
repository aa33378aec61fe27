#include "base/option.h"

#include <string.h>

#define NANO UINT64_C(1000000000)
#define LONGEST_MS (UINT64_C(3650) * 24 * 3600 * 1000)

/* Returns what follows the digits, NULL when there are none or they are too many. */
static const char *digits(const char *s, uint64_t *value)
{
    uint64_t sum = 0;
    const char *start = s;
    for (; *s >= '0' && *s <= '9'; s++) {
        unsigned digit = (unsigned)(*s - '0');
        if (sum > (UINT64_MAX - digit) / 10)
            return NULL;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return s == start ? NULL : s;
}

/* The digits behind a point in 10^-9, rounded up. Returns what follows them, NULL when there are none. */
static const char *decimals(const char *s, uint64_t *nano)
{
    uint64_t sum = 0, weight = NANO / 10;
    const char *start = s;
    bool more = false;
    for (; *s >= '0' && *s <= '9'; s++, weight /= 10) {
        sum += (uint64_t)(*s - '0') * weight;
        more = more || (!weight && *s != '0');
    }
    *nano = sum + more;
    return s == start ? NULL : s;
}

bool parse_count(const char *s, uint64_t *out)
{
    uint64_t value;
    s = digits(s, &value);
    if (!s || *s)
        return false;
    *out = value;
    return true;
}

bool parse_size(const char *s, size_t *out)
{
    static const char units[] = "KkMmGg";
    uint64_t value;
    s = digits(s, &value);
    if (!s)
        return false;
    if (*s) {
        const char *unit = strchr(units, *s);
        if (!unit || s[1])
            return false;
        unsigned shift = 10 * (unsigned)((unit - units) / 2 + 1);
        if (value > UINT64_MAX >> shift)
            return false;
        value <<= shift;
    }
    if (value > SIZE_MAX)
        return false;
    *out = (size_t)value;
    return true;
}

static uint64_t unit_ms(const char *unit)
{
    if (!*unit || !strcmp(unit, "s"))
        return 1000;
    if (!strcmp(unit, "ms"))
        return 1;
    if (!strcmp(unit, "m"))
        return 60 * 1000;
    return strcmp(unit, "h") ? 0 : 3600 * 1000;
}

bool parse_duration_ms(const char *s, int64_t *out)
{
    uint64_t whole = 0, nano = 0;
    if (*s != '.')
        s = digits(s, &whole);
    if (s && *s == '.')
        s = decimals(s + 1, &nano);
    uint64_t unit = s ? unit_ms(s) : 0;
    if (!unit || whole > LONGEST_MS / unit)
        return false;
    uint64_t ms = whole * unit + (nano * unit + NANO - 1) / NANO;
    if (ms > LONGEST_MS)
        return false;
    *out = (int64_t)ms;
    return true;
}

bool parse_int_range(const char *s, int low, int high, int *out)
{
    uint64_t size;
    bool minus = *s == '-';
    if (!parse_count(s + minus, &size) || size > INT64_MAX)
        return false;
    int64_t value = minus ? -(int64_t)size : (int64_t)size;
    if (value < low || value > high)
        return false;
    *out = (int)value;
    return true;
}
