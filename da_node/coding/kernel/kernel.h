/* The arithmetic of the coding scheme (CODING.md), over leaves: points one after another, a point
 * being the elements of all rows at one place, 32 bytes each, big-endian.
 *
 * Nothing here checks lengths, indices or overlap: binding.c does, before every entry. Functions
 * keep no state but the table of roots, which kernel_init fills once; they may run in any number
 * of threads on disjoint rows. Those that return an int give 0, or -1 where memory ran out.
 *
 * Rows are the lanes: LANES of them are transformed side by side with the same constants, so a
 * vector unit can take the inner loops without another layout.
 */
#ifndef HOLDFAST_KERNEL_H
#define HOLDFAST_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum {
    ELEMENT = 32,      /* bytes of a field element */
    PIECE = 31,        /* payload bytes in one */
    DATA_POINTS = 4096,
    POINTS = 8192,
    COLUMN = 64,       /* points of a column */
    DIGEST = 32,       /* bytes of a SHA-256 hash */
    LANES = 8
};

void kernel_init(void);

/* payload -> elements: a zero byte before each 31 bytes, zeros to the end */
void kernel_pack(const uint8_t *payload, size_t length, uint8_t *elements, size_t count);
/* the first `length` bytes of the elements' low 31 bytes */
void kernel_unpack(const uint8_t *elements, uint8_t *out, size_t length);
/* index of the first element that is not below the modulus, or -1 */
ptrdiff_t kernel_first_non_canonical(const uint8_t *elements, size_t count);
/* out[p] = sum over i of gamma^i leaf_p[i] */
int kernel_combine(const uint8_t *leaves, size_t points, size_t rows, const uint8_t gamma[ELEMENT],
                   uint8_t *out);
/* points 4096..8191 of rows [first, last) from points 0..4095 */
int kernel_extend(uint8_t *leaves, size_t rows, size_t first, size_t last);
/* the reverse: points 0..4095 of rows [first, last) from points 4096..8191 */
int kernel_extend_back(uint8_t *leaves, size_t rows, size_t first, size_t last);
/* For a set of known points (known[p] != 0, at least 4096 of them), 32 bytes a point that only
 * kernel_recover reads: Z(x_p) where known and 1 / (x_p Z'(x_p)) where not, Z being the polynomial
 * that vanishes on the points that are not known. */
int kernel_locator(const uint8_t known[POINTS], uint8_t *table);
/* The points of rows [first, last) that are not known, from those that are. */
int kernel_recover(uint8_t *leaves, size_t rows, size_t first, size_t last,
                   const uint8_t known[POINTS], const uint8_t *table);

/* Looks for libcrypto; whether it is there. kernel_hash must not be called where it is not. */
int kernel_hashing_init(void);
/* out[i] = SHA256(prefix || i-th run of `length` bytes), for i below count */
int kernel_hash(uint8_t prefix, const uint8_t *data, size_t count, size_t length, uint8_t *out);

#endif
