/* Memory for entries: slots of a few sizes in blocks of 64 KiB.
 *
 * Must live here: allocation by size.  Must not: anything that knows what is in a slot.
 *
 * Why not malloc alone: its 8 bytes a chunk are a tenth of a small entry; and it keeps freed small chunks in lists that it
 * sorts out all at once when something large is freed, which after a million deletions stops the server for a while.
 * Here a slot costs nothing besides itself, freeing one is a push on its block's list, and a block that empties goes back
 * to the system.  Larger sizes go to malloc, whose realloc moves pages rather than bytes.
 *
 * A block's size is not a power of two but 64 bytes more, so that the headers of many blocks, which freeing touches, fall
 * into different sets of the cache.  Blocks lie in arenas of 64 MiB, aligned to their size, so a slot's address leads to
 * its block.  An arena is address space only, until a page of it is used.
 *
 * Callers know the size of what they free.  They hold the GIL; nothing here is locked.
 */
#ifndef REDLARK_SLAB_H
#define REDLARK_SLAB_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clib.h"

enum {
    RL_LARGEST_SLOT = 512,
    RL_BLOCK = 65536 + 64,
    RL_BLOCK_HEADER = 64,
    RL_ARENA = 64 << 20,
    RL_PAGE = 4096,
};

typedef struct rl_block {
    struct rl_block *following; /* of the same slot size, with room; or spare */
    struct rl_block *preceding;
    char *unused;               /* freed slots, each pointing to the next one */
    uint32_t fresh;             /* where the slots begin that were never used */
    uint32_t slot;              /* bytes of one */
    uint32_t used;              /* slots in use */
    uint32_t has_room;          /* is in rl_room */
} rl_block;

static rl_block *rl_room[RL_LARGEST_SLOT / 8 + 1];
static rl_block *rl_spare;
static char *rl_arena_at, *rl_arena_end;

/* What a slot or a chunk for n bytes really has: a pure function of n, so it need not be stored.  Eighths of the size for
 * large ones, so that a string that grows by APPEND moves a logarithmic number of times. */
static inline size_t rl_good_size(size_t n) {
    size_t step;
    if (n <= RL_LARGEST_SLOT) return (n + 7) & ~(size_t)7;
    step = (size_t)1 << (60 - __builtin_clzll(n));
    return (n + step - 1) / step * step;
}

static inline rl_block *rl_block_of(const char *p) {
    char *arena = (char *)((uintptr_t)p & ~(uintptr_t)(RL_ARENA - 1));
    return (rl_block *)(arena + (size_t)(p - arena) / RL_BLOCK * RL_BLOCK);
}

static inline void rl_block_link(rl_block *b) {
    rl_block **first = &rl_room[b->slot / 8];
    b->preceding = NULL;
    b->following = *first;
    if (*first) (*first)->preceding = b;
    *first = b;
    b->has_room = 1;
}

static inline void rl_block_unlink(rl_block *b) {
    if (b->preceding) b->preceding->following = b->following;
    else rl_room[b->slot / 8] = b->following;
    if (b->following) b->following->preceding = b->preceding;
    b->has_room = 0;
}

static void rl_arena_make(void) {
    char *p = mmap(NULL, 2 * (size_t)RL_ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *aligned;
    if (p == MAP_FAILED) rl_check_memory(NULL, RL_ARENA);
    aligned = (char *)(((uintptr_t)p + RL_ARENA - 1) & ~(uintptr_t)(RL_ARENA - 1));
    if (aligned > p) munmap(p, (size_t)(aligned - p));
    munmap(aligned + RL_ARENA, (size_t)(p + RL_ARENA - aligned));
    rl_arena_at = aligned;
    rl_arena_end = aligned + RL_ARENA;
}

static rl_block *rl_block_make(size_t slot) {
    rl_block *b = rl_spare;
    if (b) rl_spare = b->following;
    else {
        if (rl_arena_end - rl_arena_at < RL_BLOCK) rl_arena_make();
        b = (rl_block *)rl_arena_at;
        rl_arena_at += RL_BLOCK;
    }
    b->unused = NULL;
    b->fresh = RL_BLOCK_HEADER;
    b->slot = (uint32_t)slot;
    b->used = 0;
    rl_block_link(b);
    return b;
}

/* An empty block's pages go back to the system; its header's page stays. */
static void rl_block_release(rl_block *b) {
    char *from = (char *)(((uintptr_t)b + RL_BLOCK_HEADER + RL_PAGE - 1) & ~(uintptr_t)(RL_PAGE - 1));
    char *to = (char *)(((uintptr_t)b + RL_BLOCK) & ~(uintptr_t)(RL_PAGE - 1));
    rl_block_unlink(b);
    madvise(from, (size_t)(to - from), MADV_DONTNEED);
    b->following = rl_spare;
    rl_spare = b;
}

static inline void *rl_slot_alloc(size_t n) {
    size_t size = rl_good_size(n);
    rl_block *b;
    char *p;
    if (size > RL_LARGEST_SLOT) return rl_alloc(size);
    b = rl_room[size / 8];
    if (!b) b = rl_block_make(size);
    p = b->unused;
    if (p) b->unused = *(char **)p;
    else {
        p = (char *)b + b->fresh;
        b->fresh += b->slot;
    }
    b->used++;
    if (!b->unused && b->fresh + b->slot > RL_BLOCK) rl_block_unlink(b);
    return p;
}

static inline void rl_slot_free(void *slot, size_t n) {
    rl_block *b;
    if (rl_good_size(n) > RL_LARGEST_SLOT) { free(slot); return; }
    b = rl_block_of(slot);
    *(char **)slot = b->unused;
    b->unused = slot;
    b->used--;
    if (!b->has_room) rl_block_link(b);
    else if (b->used == 0 && (b->preceding || b->following)) rl_block_release(b);
}

/* Room for n bytes instead of `before`; what is in it is kept as far as it fits. */
static inline void *rl_slot_resize(void *slot, size_t before, size_t n) {
    size_t old_size = rl_good_size(before), size = rl_good_size(n);
    void *moved;
    if (size == old_size) return slot;
    if (size > RL_LARGEST_SLOT && old_size > RL_LARGEST_SLOT) return rl_resize(slot, size);
    moved = rl_slot_alloc(n);
    memcpy(moved, slot, before < n ? before : n);
    rl_slot_free(slot, before);
    return moved;
}
#endif
