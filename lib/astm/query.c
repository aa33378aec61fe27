#include "astm/query.h"

#include <string.h>

/* The numbers of the fields. */
enum { H_SENDER = 5, H_RECEIVER = 10, H_PROCESSING = 12, H_VERSION = 13, H_TIME = 14, Q_STATUS = 13 };

enum astm_query astm_query_of(const unsigned char *text, size_t n)
{
    struct astm_delimiters d = astm_delimiters_of(text, n);
    enum astm_query found = ASTM_QUERY_NONE;
    struct astm_slice record;
    size_t at = 0;
    while (found != ASTM_QUERY_ASKS && astm_record_next(text, n, &at, &record)) {
        if (record.n < 2 || record.p[0] != 'Q' || record.p[1] != d.field)
            continue;
        struct astm_slice status = astm_field(record, &d, Q_STATUS);
        found = status.n == 1 && *status.p == 'A' ? ASTM_QUERY_CANCELLED : ASTM_QUERY_ASKS;
    }
    return found;
}

/* Appends the fields from *at on, up to this one. */
static bool put_field(struct bytes *out, const struct astm_delimiters *d, size_t *at, size_t number,
                      struct astm_slice text)
{
    bool fine = true;
    for (; fine && *at < number; ++*at)
        fine = bytes_append(out, &d->field, 1);
    return fine && bytes_append(out, text.p, text.n);
}

/* H.1 and H.2. Where a delimiter of theirs cannot be, it has none in ours. */
static bool put_delimiters(struct bytes *out, const struct astm_delimiters *d, struct astm_slice theirs)
{
    const unsigned char begin[] = {'H', d->field}, others[] = {d->repeat, d->component, d->escape};
    struct astm_slice declared = astm_field(theirs, d, 2);
    bool fine = bytes_append(out, begin, sizeof begin);
    if (declared.n && !d->odd)
        return fine && bytes_append(out, declared.p, declared.n);
    for (size_t i = 0; i < sizeof others; i++)
        fine = fine && (!others[i] || bytes_append(out, &others[i], 1));
    return fine;
}

static bool put_header(struct bytes *out, const struct astm_delimiters *d, struct astm_slice theirs, const char *time)
{
    const struct astm_slice now = {(const unsigned char *)time, strlen(time)};
    size_t at = 2;
    return put_delimiters(out, d, theirs) && put_field(out, d, &at, H_SENDER, astm_field(theirs, d, H_RECEIVER)) &&
           put_field(out, d, &at, H_RECEIVER, astm_field(theirs, d, H_SENDER)) &&
           put_field(out, d, &at, H_PROCESSING, astm_field(theirs, d, H_PROCESSING)) &&
           put_field(out, d, &at, H_VERSION, astm_field(theirs, d, H_VERSION)) && put_field(out, d, &at, H_TIME, now) &&
           bytes_append(out, "\r", 1);
}

bool astm_query_nothing(struct bytes *out, const unsigned char *query, size_t n, const char *time)
{
    struct astm_delimiters d = astm_delimiters_of(query, n);
    const unsigned char end[] = {'L', d.field, '1', d.field, 'I', '\r'};
    size_t before = out->len, at = 0;
    struct astm_slice theirs;
    if (!astm_record_next(query, n, &at, &theirs) || theirs.n < 2 || theirs.p[0] != 'H')
        theirs = (struct astm_slice){(const unsigned char *)"", 0};
    if (put_header(out, &d, theirs, time) && bytes_append(out, end, sizeof end))
        return true;
    out->len = before;
    return false;
}
