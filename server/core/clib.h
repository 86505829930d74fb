/* The few things that C says better than Cython: hashing, integers as text, clocks, addresses.
 *
 * Must live here: pure functions over bytes and the thin faces of system calls.  Must not: anything that knows of
 * entries, clients or commands.
 *
 * Why SipHash-1-3 and not something faster: a client chooses the keys and SCAN shows it the order of the buckets, so
 * the low bits of the hash are public.  Multiply-and-fold hashes (wyhash and its kin) are quick, but nothing argues that
 * their secret stays secret when outputs are seen, and whoever knows the secret fills one bucket with a million keys.
 * SipHash is a keyed pseudo-random function; with 128 random bits for each process the one and three rounds have no
 * known attack that finds collisions faster than guessing.  A key of 16 bytes costs about a dozen nanoseconds.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef REDLARK_CLIB_H
#define REDLARK_CLIB_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the compiled core is for little-endian machines; others run redlark.server.plain"
#endif

/* ------------------------------------------------------------------------------------------------- unaligned access */

static inline uint64_t rl_load8(const char *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static inline uint64_t rl_load4(const char *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline void rl_store8(char *p, uint64_t v) { memcpy(p, &v, 8); }

/* At most 8 bytes as a number, the missing ones zero; reads nothing outside [p, p + n). */
static inline uint64_t rl_load_short(const char *p, size_t n) {
    if (n >= 4) return n >= 8 ? rl_load8(p) : rl_load4(p) | rl_load4(p + n - 4) << (8 * (n - 4));
    if (n == 0) return 0;
    return (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[n >> 1] << (8 * (n >> 1))
           | (uint64_t)(unsigned char)p[n - 1] << (8 * (n - 1));
}

static inline int rl_same(const char *a, const char *b, size_t n) {
    size_t i;
    if (n < 8) return rl_load_short(a, n) == rl_load_short(b, n);
    if (n > 64) return memcmp(a, b, n) == 0;
    for (i = 0; i + 8 < n; i += 8)
        if (rl_load8(a + i) != rl_load8(b + i)) return 0;
    return rl_load8(a + n - 8) == rl_load8(b + n - 8);
}

/* Few bytes without the call that memcpy makes for a length unknown at compile time. */
static inline void rl_copy(char *to, const char *from, size_t n) {
    size_t i;
    if (n > 64) { memcpy(to, from, n); return; }
    if (n >= 8) {
        uint64_t last = rl_load8(from + n - 8);
        for (i = 0; i + 8 < n; i += 8) rl_store8(to + i, rl_load8(from + i));
        rl_store8(to + n - 8, last);
        return;
    }
    if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + n - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + n - 4, &last, 4);
    } else if (n) {
        char first = from[0], middle = from[n >> 1], last = from[n - 1];
        to[0] = first;
        to[n >> 1] = middle;
        to[n - 1] = last;
    }
}

/* ------------------------------------------------------------------------------------------------------------- hash */

static uint64_t rl_secret[2];

#define RL_ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define RL_ROUND                                                                                                       \
    v0 += v1; v2 += v3; v1 = RL_ROTATE(v1, 13) ^ v0; v3 = RL_ROTATE(v3, 16) ^ v2; v0 = RL_ROTATE(v0, 32);              \
    v2 += v1; v0 += v3; v1 = RL_ROTATE(v1, 17) ^ v2; v3 = RL_ROTATE(v3, 21) ^ v0; v2 = RL_ROTATE(v2, 32);

static inline uint64_t rl_siphash13(uint64_t k0, uint64_t k1, const char *p, size_t n) {
    uint64_t v0 = k0 ^ 0x736f6d6570736575ULL, v1 = k1 ^ 0x646f72616e646f6dULL;
    uint64_t v2 = k0 ^ 0x6c7967656e657261ULL, v3 = k1 ^ 0x7465646279746573ULL;
    uint64_t m;
    const char *end = p + (n & ~(size_t)7);
    for (; p < end; p += 8) {
        m = rl_load8(p);
        v3 ^= m; RL_ROUND v0 ^= m;
    }
    m = rl_load_short(p, n & 7) | (uint64_t)n << 56;
    v3 ^= m; RL_ROUND v0 ^= m;
    v2 ^= 0xff;
    RL_ROUND RL_ROUND RL_ROUND
    return v0 ^ v1 ^ v2 ^ v3;
}

static inline uint64_t rl_hash(const char *p, size_t n) { return rl_siphash13(rl_secret[0], rl_secret[1], p, n); }

/* --------------------------------------------------------------------------------------------------------- integers */

static const char rl_pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* Decimal text of v at `to` (room for 20 bytes); returns its length. */
static inline int rl_format_int(char *to, int64_t v) {
    char text[24];
    int at = 24, negative = v < 0;
    uint64_t u = negative ? 0 - (uint64_t)v : (uint64_t)v;
    if (!negative && u < 10) { to[0] = (char)('0' + u); return 1; }
    while (u >= 100) { unsigned d = (unsigned)(u % 100) * 2; u /= 100; text[--at] = rl_pairs[d + 1]; text[--at] = rl_pairs[d]; }
    if (u >= 10) { text[--at] = rl_pairs[u * 2 + 1]; text[--at] = rl_pairs[u * 2]; } else text[--at] = (char)('0' + u);
    if (negative) text[--at] = '-';
    memcpy(to, text + at, (size_t)(24 - at));
    return 24 - at;
}

/* `:5`, `$5`, `*5` and the end of the line at `to` (room for 32 bytes); returns its length. */
static inline int rl_head(char *to, char kind, int64_t v) {
    int n;
    if ((uint64_t)v < 100) {
        if (v < 10) {
            const uint32_t line = (uint32_t)(unsigned char)kind | (uint32_t)('0' + v) << 8 | (uint32_t)'\r' << 16 | (uint32_t)'\n' << 24;
            memcpy(to, &line, 4);
            return 4;
        }
        to[0] = kind;
        memcpy(to + 1, rl_pairs + 2 * v, 2);
        memcpy(to + 3, "\r\n", 2);
        return 5;
    }
    to[0] = kind;
    n = 1 + rl_format_int(to + 1, v);
    memcpy(to + n, "\r\n", 2);
    return n + 2;
}

/* Redis's strict integer: no sign but '-', no leading zero, no blank, 64 bits.  False when p is anything else. */
static inline int rl_parse_int(const char *p, size_t n, int64_t *out) {
    const char *end = p + n;
    uint64_t u = 0;
    int negative = 0;
    if (n == 0 || n > 20) return 0;
    if (*p == '-') { negative = 1; if (++p == end) return 0; }
    if (*p == '0' && (negative || end - p > 1)) return 0;
    for (; p < end; p++) {
        unsigned d = (unsigned)(unsigned char)*p - '0';
        if (d > 9 || u > 922337203685477580ULL) return 0;
        u = u * 10 + d;
        if (u > 9223372036854775807ULL + (unsigned)negative) return 0;
    }
    *out = negative ? (int64_t)(0 - u) : (int64_t)u;
    return 1;
}

/* --------------------------------------------------------------------------------------------------------- requests */

typedef struct {
    char *p;
    size_t n;
} rl_text;

/* Reads one to three digits and the end of their line, of which CR is looked at; what is behind it.  NULL: it is no such
 * length. */
static inline char *rl_short_length(char *p, size_t *length) {
    size_t n = (size_t)(unsigned char)*p - '0', d;
    if (n > 9) return NULL;
    if (p[1] == '\r') { *length = n; return p + 3; }
    if (n == 0) return NULL;
    d = (size_t)(unsigned char)p[1] - '0';
    if (d > 9) return NULL;
    n = n * 10 + d;
    if (p[2] == '\r') { *length = n; return p + 4; }
    d = (size_t)(unsigned char)p[2] - '0';
    if (d > 9 || p[3] != '\r') return NULL;
    *length = n * 10 + d;
    return p + 5;
}

/* A request of few and short arguments that is whole, as nearly all are, read in one go: `*` is at p, there is room for so
 * many arguments.  Returns how many there are, and what is behind it; 0 where it is another, or malformed, or not whole. */
static inline size_t rl_parse_whole(char *p, char *end, rl_text *args, size_t room, char **behind) {
    size_t count, i, n;
    if (end - p < 8) return 0;
    p = rl_short_length(p + 1, &count);
    if (p == NULL || count > room) return 0;
    for (i = 0; i < count; i++) {
        if (end - p < 8 || *p != '$') return 0;
        p = rl_short_length(p + 1, &n);
        if (p == NULL || end - p < (ptrdiff_t)n + 2) return 0;
        args[i].p = p;
        args[i].n = n;
        p += n + 2;
    }
    *behind = p;
    return count;
}

/* ----------------------------------------------------------------------------------------------------------- memory */

static inline void rl_check_memory(const void *p, size_t n) {
    if (p == NULL && n) { fprintf(stderr, "redlark: out of memory allocating %zu bytes\n", n); abort(); }
}
static inline void *rl_alloc(size_t n) { void *p = malloc(n); rl_check_memory(p, n); return p; }
static inline void *rl_zeroed(size_t n) { void *p = calloc(1, n); rl_check_memory(p, n); return p; }
/* Pages of their own, all zero: they go back to the system whatever the allocator would rather keep. */
static inline void *rl_map(size_t n) {
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) p = NULL;
    rl_check_memory(p, n);
    return p;
}
static inline void rl_unmap(void *p, size_t n) { munmap(p, n); }
/* Whole pages of such: they are zero again, and take no memory until they are written. */
static inline void rl_release(void *p, size_t n) { madvise(p, n, MADV_DONTNEED); }
static inline void *rl_resize(void *old, size_t n) { void *p = realloc(old, n); rl_check_memory(p, n); return p; }

/* ----------------------------------------------------------------------------------------------------------- clocks */

static inline int64_t rl_unix_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}
static inline int64_t rl_unix_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}
static inline uint64_t rl_steady_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
/* The processor's own clock: it costs a tenth of the system's. */
#if defined(__x86_64__)
#include <x86intrin.h>
static inline uint64_t rl_ticks(void) { return __rdtsc(); }
#else
static inline uint64_t rl_ticks(void) { return rl_steady_ns(); }
#endif
static inline int64_t rl_steady_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* -------------------------------------------------------------------------------------------------------- addresses */

/* Redis's text of an address ("1.2.3.4:5", "[::1]:5", "/path:0"; `fallback` for a nameless Unix socket). */
static inline int rl_address_text(int fd, int peer, char *to, size_t room) {
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char host[INET6_ADDRSTRLEN];
    memset(&a, 0, sizeof a);
    if ((peer ? getpeername(fd, (struct sockaddr *)&a, &n) : getsockname(fd, (struct sockaddr *)&a, &n)) != 0)
        return snprintf(to, room, "?:0");
    if (a.ss_family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        return snprintf(to, room, "%s:%d", host, ntohs(v4->sin_port));
    }
    if (a.ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        return snprintf(to, room, "[%s]:%d", host, ntohs(v6->sin6_port));
    }
    if (a.ss_family == AF_UNIX) return snprintf(to, room, "%s:0", ((struct sockaddr_un *)&a)->sun_path);
    return snprintf(to, room, "?:0");
}
static inline int rl_is_unix(int fd) {
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    return getsockname(fd, (struct sockaddr *)&a, &n) == 0 && a.ss_family == AF_UNIX;
}
static inline void rl_tune_tcp(int fd, int keepalive) {
    int one = 1, third = keepalive / 3 > 0 ? keepalive / 3 : 1, three = 3;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (keepalive <= 0) return;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive, sizeof keepalive);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &third, sizeof third);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &three, sizeof three);
}
#endif
