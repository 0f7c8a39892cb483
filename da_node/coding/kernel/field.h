/* The scalar field of BLS12-381, four 64-bit limbs, least significant first.
 *
 * Montgomery multiplication with R = 2^256. A product of a plain value and a constant held in
 * Montgomery form is plain again, so the data itself never changes its form: only twiddles,
 * powers of the challenge and table entries are held times R.
 *
 * Ranges: "lazy" values are below 2r and fit four limbs, since 2r < 2^256 < 3r. fe_mul takes any
 * 256-bit left operand times a canonical right one, and gives a lazy value; fe_add and fe_sub take
 * and give lazy values; fe_canonical makes the one representative below r.
 */
#ifndef HOLDFAST_FIELD_H
#define HOLDFAST_FIELD_H

#include <stdint.h>
#include <string.h>

#if !defined(__SIZEOF_INT128__)
#error "the kernel needs a compiler with 128-bit integers (gcc or clang, 64-bit target)"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the kernel is written for little-endian machines (x86-64, arm64)"
#endif

typedef unsigned __int128 u128;
typedef struct { uint64_t v[4]; } fe;

/* r = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001 */
static const fe FE_R = {{0xffffffff00000001ull, 0x53bda402fffe5bfeull,
                         0x3339d80809a1d805ull, 0x73eda753299d7d48ull}};
/* 2r */
static const fe FE_2R = {{0xfffffffe00000002ull, 0xa77b4805fffcb7fdull,
                          0x6673b0101343b00aull, 0xe7db4ea6533afa90ull}};
/* R mod r: one in Montgomery form */
static const fe FE_ONE = {{0x00000001fffffffeull, 0x5884b7fa00034802ull,
                           0x998c4fefecbc4ff5ull, 0x1824b159acc5056full}};
/* R^2 mod r: takes a plain value into Montgomery form */
static const fe FE_R2 = {{0xc999e990f3f29c6dull, 0x2b6cedcb87925c23ull,
                          0x05d314967254398full, 0x0748d9d99f59ff11ull}};

/* With the compiler's overflow builtins the chains below become adc and sbb; written with 128-bit
 * sums they take a quarter longer (gcc 12, whole extension). */
static inline uint64_t sub_borrow(uint64_t a, uint64_t b, uint64_t *borrow)
{
    uint64_t d, e;
    uint64_t first = __builtin_sub_overflow(a, b, &d);
    uint64_t second = __builtin_sub_overflow(d, *borrow, &e);
    *borrow = first | second;
    return e;
}

static inline uint64_t add_carry(uint64_t a, uint64_t b, uint64_t *carry)
{
    uint64_t d, e;
    uint64_t first = __builtin_add_overflow(a, b, &d);
    uint64_t second = __builtin_add_overflow(d, *carry, &e);
    *carry = first | second;
    return e;
}

/* d = a - b; returns the borrow */
static inline uint64_t limbs_sub(fe *d, const fe *a, const fe *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < 4; i++) d->v[i] = sub_borrow(a->v[i], b->v[i], &borrow);
    return borrow;
}

/* a, or a - bound where a >= bound */
static inline fe fe_reduce_once(fe a, const fe *bound)
{
    fe d;
    uint64_t keep = 0 - limbs_sub(&d, &a, bound);
    for (int i = 0; i < 4; i++) d.v[i] = (a.v[i] & keep) | (d.v[i] & ~keep);
    return d;
}

/* any 256-bit value to the canonical one: at most 2.2 r */
static inline fe fe_canonical(fe a) { return fe_reduce_once(fe_reduce_once(a, &FE_2R), &FE_R); }

static inline int fe_is_canonical(const fe *a)
{
    fe d;
    return (int)limbs_sub(&d, a, &FE_R);
}

static inline fe fe_sub(fe a, fe b)
{
    fe d;
    uint64_t mask = 0 - limbs_sub(&d, &a, &b), carry = 0;
    for (int i = 0; i < 4; i++) d.v[i] = add_carry(d.v[i], FE_2R.v[i] & mask, &carry);
    return d;
}

static inline fe fe_add(fe a, fe b)
{
    /* a + b - 2r as a - (2r - b), so that nothing leaves 256 bits */
    fe n;
    limbs_sub(&n, &FE_2R, &b);
    return fe_sub(a, n);
}

/* One round of reduction: t (five limbs) += q r with q chosen so that the lowest limb vanishes,
 * and shift by a limb. -1/r mod 2^64 is -(2^32 + 1). */
#define FE_ROUND_REDUCE(t0, t1, t2, t3, t4)                                   \
    do {                                                                      \
        uint64_t q_ = 0 - ((t0) + ((t0) << 32));                              \
        u128 c_ = (u128)q_ * FE_R.v[0] + (t0);                                \
        c_ = (u128)q_ * FE_R.v[1] + (t1) + (uint64_t)(c_ >> 64);              \
        (t0) = (uint64_t)c_;                                                  \
        c_ = (u128)q_ * FE_R.v[2] + (t2) + (uint64_t)(c_ >> 64);              \
        (t1) = (uint64_t)c_;                                                  \
        c_ = (u128)q_ * FE_R.v[3] + (t3) + (uint64_t)(c_ >> 64);              \
        (t2) = (uint64_t)c_;                                                  \
        (t3) = (uint64_t)(c_ >> 64) + (t4);                                   \
    } while (0)

/* a b / R, lazy. a: any four limbs; b: canonical. The limbs of a are scanned, so that what has
 * been gathered after each round stays below b + r < 2r and fits four limbs; with b's limbs
 * scanned it would be bounded by a + r, which may not. */
static inline fe fe_mul(fe a, fe b)
{
    uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4;
    for (int i = 0; i < 4; i++) {
        u128 c = (u128)a.v[i] * b.v[0] + t0;
        t0 = (uint64_t)c;
        c = (u128)a.v[i] * b.v[1] + t1 + (uint64_t)(c >> 64);
        t1 = (uint64_t)c;
        c = (u128)a.v[i] * b.v[2] + t2 + (uint64_t)(c >> 64);
        t2 = (uint64_t)c;
        c = (u128)a.v[i] * b.v[3] + t3 + (uint64_t)(c >> 64);
        t3 = (uint64_t)c;
        t4 = (uint64_t)(c >> 64);
        FE_ROUND_REDUCE(t0, t1, t2, t3, t4);
    }
    return (fe){{t0, t1, t2, t3}};
}

/* into and out of Montgomery form; both canonical */
static inline fe fe_to_mont(fe a) { return fe_reduce_once(fe_mul(a, FE_R2), &FE_R); }
static inline fe fe_mul_canonical(fe a, fe b) { return fe_reduce_once(fe_mul(a, b), &FE_R); }

static inline fe fe_load(const uint8_t *bytes)
{
    fe a;
    for (int i = 0; i < 4; i++) {
        uint64_t w;
        memcpy(&w, bytes + 24 - 8 * i, 8);
        a.v[i] = __builtin_bswap64(w);
    }
    return a;
}

static inline void fe_store(uint8_t *bytes, fe a)
{
    for (int i = 0; i < 4; i++) {
        uint64_t w = __builtin_bswap64(a.v[i]);
        memcpy(bytes + 24 - 8 * i, &w, 8);
    }
}

#endif
