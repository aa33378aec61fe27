#include "base/clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"

#define DAY_US (INT64_C(86400) * 1000000)
#define DAYS_TO_1970 719468 /* from 0000-03-01 */
#define FIRST_US (INT64_C(-719528) * DAY_US)
#define LAST_US (INT64_C(2932897) * DAY_US - 1)
#define LAST_MS ((UINT64_C(1) << 48) - 1)

static const char base_32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static struct timespec clock_read(clockid_t clock)
{
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return t;
}

int64_t clock_ms(void)
{
    struct timespec t = clock_read(CLOCK_MONOTONIC);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_us(void)
{
    struct timespec t = clock_read(CLOCK_MONOTONIC);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    struct timespec t = clock_read(CLOCK_REALTIME);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Decimal digits, zeros in front, and what follows them. Returns the place behind. */
static char *put(char *out, int64_t value, int width, char behind)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
    out[width] = behind;
    return out + width + 1;
}

/* Years begin in March here, so that the leap day is the last of a year, of four, of a hundred, of four hundred. */
static char *put_date(char *out, int64_t days)
{
    int64_t day = days + DAYS_TO_1970 + 146097, year = -400; /* not negative in January and February of 0000 */
    year += day / 146097 * 400;
    day %= 146097;
    int64_t centuries = day / 36524 < 3 ? day / 36524 : 3;
    day -= centuries * 36524;
    int64_t fours = day / 1461;
    day -= fours * 1461;
    int64_t years = day / 365 < 3 ? day / 365 : 3;
    day -= years * 365;
    int64_t month = (day * 5 + 2) / 153; /* March is 0; five months have 153 days */
    day -= (month * 153 + 2) / 5;
    year += centuries * 100 + fours * 4 + years + (month >= 10);
    out = put(out, year, 4, '-');
    out = put(out, month < 10 ? month + 3 : month - 9, 2, '-');
    return put(out, day + 1, 2, 'T');
}

void time_iso_us(int64_t us, char out[28])
{
    us = us < FIRST_US ? FIRST_US : us > LAST_US ? LAST_US : us;
    int64_t days = us / DAY_US - (us % DAY_US < 0);
    us -= days * DAY_US;
    out = put_date(out, days);
    out = put(out, us / 3600000000, 2, ':');
    out = put(out, us / 60000000 % 60, 2, ':');
    out = put(out, us / 1000000 % 60, 2, '.');
    out = put(out, us % 1000000, 6, 'Z');
    *out = '\0';
}

void time_hl7_us(int64_t us, char out[32])
{
    const int64_t first = FIRST_US + DAY_US, last = LAST_US - DAY_US; /* a zone may move it by a day */
    us = us < first ? first : us > last ? last : us;
    int64_t day_us = (us % 1000000 + 1000000) % 1000000;
    time_t seconds = (time_t)((us - day_us) / 1000000);
    struct tm tm = {0};
    char zone[8] = "";
    localtime_r(&seconds, &tm);
    strftime(zone, sizeof zone, "%z", &tm);
    put(out, tm.tm_year + 1900, 4, 0);
    put(out + 4, tm.tm_mon + 1, 2, 0);
    put(out + 6, tm.tm_mday, 2, 0);
    put(out + 8, tm.tm_hour, 2, 0);
    put(out + 10, tm.tm_min, 2, 0);
    put(out + 12, tm.tm_sec, 2, '.');
    put(out + 15, day_us / 1000, 3, 0);
    memcpy(out + 18, zone, sizeof zone);
}

/* Writes over the digits of a fraction that has `width` of them. */
static void put_fraction(char *at, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
}

/* Whether the text is of that second; if not, it is from now on. */
static bool same_second(struct time_text *t, int64_t us)
{
    bool same = t->known && us >= 0 && us / 1000000 == t->second;
    t->known = true;
    t->second = us / 1000000;
    return same;
}

const char *time_iso_text(struct time_text *t, int64_t us)
{
    if (same_second(t, us))
        put_fraction(t->text + strlen("2026-11-21T01:30:00."), us % 1000000, 6);
    else
        time_iso_us(us, t->text);
    return t->text;
}

const char *time_hl7_text(struct time_text *t, int64_t us)
{
    if (same_second(t, us))
        put_fraction(t->text + strlen("20261121013000."), us / 1000 % 1000, 3);
    else
        time_hl7_us(us, t->text);
    return t->text;
}

static bool random_fill(void *data, size_t n)
{
    if (getentropy(data, n) == 0)
        return true;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, data, n);
    close(fd);
    return got == (ssize_t)n;
}

/* Random bytes, or the best there is. */
static void seed_from(unsigned char seed[16], const void *self_at)
{
    if (!random_fill(seed, 16)) {
        struct timespec now[2] = {clock_read(CLOCK_REALTIME), clock_read(CLOCK_MONOTONIC)};
        pid_t self = getpid();
        struct digest mixed;
        digest_init(&mixed);
        digest_add(&mixed, now, sizeof now);
        digest_add(&mixed, &self, sizeof self);
        digest_add(&mixed, &self_at, sizeof self_at);
        digest_end(&mixed, seed);
    }
}

void ident_init(struct ident *d)
{
    unsigned char seed[16];
    seed_from(seed, d);
    *d = (struct ident){.high = (seed[0] & 0x7Fu) << 8 | seed[1]}; /* leaves 2^79 to count */
    for (int i = 2; i < 10; i++)
        d->low = d->low << 8 | seed[i];
}

void ident_next(struct ident *d, int64_t wall_us, char out[27])
{
    uint64_t ms = wall_us < 0 ? 0 : (uint64_t)wall_us / 1000;
    if (ms > LAST_MS)
        ms = LAST_MS;
    if (ms > d->ms)
        d->ms = ms;
    if (++d->low == 0)
        d->high++;
    uint64_t top = d->ms << 16 | d->high, low = d->low;
    for (int i = 25; i >= 0; i--) {
        out[i] = base_32[low & 31];
        low = low >> 5 | top << 59;
        top >>= 5;
    }
    out[26] = '\0';
}

void short_ident_init(struct short_ident *d)
{
    unsigned char seed[16];
    seed_from(seed, d);
    *d = (struct short_ident){.salt = (uint32_t)seed[0] << 16 | (uint32_t)seed[1] << 8 | seed[2]};
}

void short_ident_next(struct short_ident *d, int64_t wall_us, char out[16])
{
    uint64_t us = wall_us < 0 ? 0 : (uint64_t)wall_us;
    d->us = us > d->us ? us : d->us + 1;
    for (int i = 0; i < 11; i++)
        out[i] = base_32[d->us >> (10 - i) * 5 & 31];
    for (int i = 0; i < 4; i++)
        out[11 + i] = base_32[d->salt >> i * 5 & 31];
    out[15] = '\0';
}
