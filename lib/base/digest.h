/* A cheap 128-bit digest that tells messages apart. Not cryptographic: it resists chance, not an attacker. The digest
 * of a sequence of bytes never changes, whatever the machine, its byte order and word size, the version of this
 * library, and the pieces in which the bytes came; it is stored in journals and databases. */
#ifndef INSTLINK_DIGEST_H
#define INSTLINK_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* Private; between digest_init and digest_end it may be copied to go on from a common beginning. */
struct digest {
    uint64_t left, right, total;
    unsigned char rest[32]; /* the last total % 32 bytes */
};

void digest_init(struct digest *d);

/* Adds n bytes. */
void digest_add(struct digest *d, const void *data, size_t n);

/* Writes the digest of all that was added. d needs digest_init before it is used again. */
void digest_end(struct digest *d, unsigned char out[16]);

/* Writes the digest of these n bytes. */
void digest_once(const void *data, size_t n, unsigned char out[16]);

/* Writes 32 lower-case hexadecimal digits and NUL. */
void digest_hex(const unsigned char digest[16], char out[33]);

/* The 128-bit product of x and y: returns the low half. For the tests: what is used where the compiler has no 128-bit
 * integers. */
uint64_t digest_multiply_plain(uint64_t x, uint64_t y, uint64_t *high);

#endif
