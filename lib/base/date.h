/* Times as instruments write them. */
#ifndef INSTLINK_DATE_H
#define INSTLINK_DATE_H

#include <stdbool.h>
#include <stddef.h>

/* Reads the time s[0..n) as ASTM (date and time) and HL7 (TS, DTM) write it, YYYY[MM[DD[HH[MM[SS[.f...]]]]]][+-ZZZZ],
 * or as ISO 8601 does, `2024-03-01[T10:11[:12[.f...]][Z|+01:00]]`, also with a blank for the T. Blanks around it are
 * ignored. Writes it to out as ISO 8601 with NUL, exactly as precise as it was: `2024`, `2024-03`, `2024-03-01T10`,
 * `2024-03-01T10:11:12.5+01:00`. At most nine digits of the fraction are kept. The zone of a date without an hour is
 * left out, as ISO 8601 has none there. False, with out untouched, when it is no time: a day that the month does not
 * have, an hour past 23, anything left over. A second of 60 is accepted, and every zone to 14:59 hours. */
bool date_iso(const char *s, size_t n, char out[40]);

#endif
