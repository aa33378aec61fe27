#include "base/date.h"

#include <string.h>

struct date_scan {
    const char *s, *end;
    char text[40];
    size_t len;
};

static bool digit_next(const struct date_scan *d)
{
    return d->s < d->end && *d->s >= '0' && *d->s <= '9';
}

static bool take(struct date_scan *d, char c)
{
    if (d->s == d->end || *d->s != c)
        return false;
    d->s++;
    return true;
}

/* Two digits from low to high, written behind `before` unless that is NUL. */
static bool pair(struct date_scan *d, char before, int low, int high, int *value)
{
    if (!digit_next(d) || d->end - d->s < 2 || d->s[1] < '0' || d->s[1] > '9')
        return false;
    *value = (d->s[0] - '0') * 10 + d->s[1] - '0';
    if (*value < low || *value > high)
        return false;
    if (before)
        d->text[d->len++] = before;
    d->text[d->len++] = *d->s++;
    d->text[d->len++] = *d->s++;
    return true;
}

static int month_days(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Sets *time when an hour must follow. */
static bool scan_date(struct date_scan *d, bool *time)
{
    int century, year, month, day;
    if (!pair(d, 0, 0, 99, &century) || !pair(d, 0, 0, 99, &year) || century + year == 0)
        return false;
    bool dashes = d->s < d->end && *d->s == '-' && (d->end - d->s == 3 || (d->end - d->s > 3 && d->s[3] == '-'));
    if (dashes)
        d->s++;
    else if (!digit_next(d))
        return true;
    if (!pair(d, '-', 1, 12, &month))
        return false;
    if (dashes ? !take(d, '-') : !digit_next(d))
        return true;
    if (!pair(d, '-', 1, month_days(century * 100 + year, month), &day))
        return false;
    *time = take(d, 'T') || take(d, ' ') || (!dashes && digit_next(d));
    return true;
}

static bool scan_fraction(struct date_scan *d)
{
    if (!take(d, '.'))
        return true;
    if (!digit_next(d))
        return false;
    d->text[d->len++] = '.';
    for (int kept = 0; digit_next(d); d->s++)
        if (kept++ < 9)
            d->text[d->len++] = *d->s;
    return true;
}

static bool scan_time(struct date_scan *d)
{
    int value;
    if (!pair(d, 'T', 0, 23, &value))
        return false;
    bool colons = take(d, ':');
    if (!colons && !digit_next(d))
        return true;
    if (!pair(d, ':', 0, 59, &value))
        return false;
    if (colons ? !take(d, ':') : !digit_next(d))
        return true;
    return pair(d, ':', 0, 60, &value) && scan_fraction(d);
}

static bool scan_zone(struct date_scan *d)
{
    int value;
    if (d->s == d->end)
        return true;
    if (take(d, 'Z')) {
        d->text[d->len++] = 'Z';
        return true;
    }
    char sign = *d->s++;
    if ((sign != '+' && sign != '-') || !pair(d, sign, 0, 14, &value))
        return false;
    take(d, ':');
    return pair(d, ':', 0, 59, &value);
}

bool date_iso(const char *s, size_t n, char out[40])
{
    struct date_scan d = {.s = s, .end = n ? s + n : s};
    while (d.s < d.end && (*d.s == ' ' || *d.s == '\t'))
        d.s++;
    while (d.s < d.end && (d.end[-1] == ' ' || d.end[-1] == '\t'))
        d.end--;
    bool time = false;
    if (!scan_date(&d, &time) || (time && !scan_time(&d)))
        return false;
    size_t len = d.len;
    if (!scan_zone(&d) || d.s != d.end)
        return false;
    if (time)
        len = d.len;
    memcpy(out, d.text, len);
    out[len] = '\0';
    return true;
}
