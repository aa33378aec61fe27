/* Searches in bytes, a vector at a time where the CPU can, plain C everywhere else. Those for the first
 * of something return an index below n, or n. */
#ifndef INSTLINK_SCAN_H
#define INSTLINK_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* The first STX, ETX, EOT, ENQ or ETB: what ends a stretch of text inside an LIS01 frame. */
size_t scan_frame_control(const unsigned char *p, size_t n);

/* The first STX, EOT, ENQ, ACK or NAK: what ends a stretch of bytes outside frames. */
size_t scan_link_control(const unsigned char *p, size_t n);

/* The first CR or LF. */
size_t scan_line_end(const unsigned char *p, size_t n);

/* The first byte in a JSON string that is more than itself: a control character, quotation mark or backslash, or one
 * above 7F. */
size_t scan_json_special(const unsigned char *p, size_t n);

/* Where the byte c stands: the first `most` places, in order. Returns how many there are. */
size_t scan_each(const unsigned char *p, size_t n, unsigned char c, size_t *at, size_t most);

/* The sum of all bytes, modulo 256. */
unsigned char scan_sum(const unsigned char *p, size_t n);

/* The plain versions, which the tests hold against those above. */
size_t scan_frame_control_plain(const unsigned char *p, size_t n);
size_t scan_link_control_plain(const unsigned char *p, size_t n);
size_t scan_line_end_plain(const unsigned char *p, size_t n);
size_t scan_json_special_plain(const unsigned char *p, size_t n);
size_t scan_each_plain(const unsigned char *p, size_t n, unsigned char c, size_t *at, size_t most);
unsigned char scan_sum_plain(const unsigned char *p, size_t n);

#endif
