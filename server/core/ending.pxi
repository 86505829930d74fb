# Of which key's hash a field ends next.
#
# Must live here: that order of a database's keys.  Must not: deadlines within a hash (ends.pxi), what happens to a field
# whose time is over (redlark.server.fields).
#
# A heap of one word a key: when its hash ends, in units of 32 ms, rounded up, and below 27 bits of the key's hash.  No key
# stands there a second time: who is asked for what has ended looks for it where these bits lead in the keyspace.
#
#     No word of a hash that has deadlines is later than the earliest of them.
#
# So a deadline that is put off costs nothing: the word is put off when its time has come.  A key that goes, or whose hash
# has no deadline any more, leaves its word; words that say the same become one, and once most are out of date all are
# looked through.
#
# Why so small: a hash of one field takes some 70 bytes, a copy of its key and of the time would take as many again.

cdef enum:
    KEY_BITS = 27           # of a word; as many buckets are told apart, a larger keyspace looks into several
    END_UNIT = 32           # ms; a word has room for those of a century
    STALE_ENDS = 64         # words that may be out of date, besides as many as are not

cdef uint64_t KEY_MASK = (<uint64_t>1 << KEY_BITS) - 1
cdef uint64_t LAST_UNIT = (<uint64_t>1 << (64 - KEY_BITS)) - 1


cdef class Ending:
    """See redlark.server.fields.Ending."""

    cdef uint64_t* words        # the least first, as heaps have them
    cdef size_t count, room
    cdef size_t keys            # whose hashes have deadlines
    cdef public int64_t gone

    def __dealloc__(self):
        ending_clear(self)

    def __len__(self):
        return <Py_ssize_t>self.keys


cdef void ending_clear(Ending ending) noexcept:
    if ending.words != NULL:
        rl_slot_free(ending.words, ending.room * sizeof(uint64_t))
    ending.words = NULL
    ending.count = ending.room = ending.keys = 0

cdef inline size_t ending_memory(Ending ending) noexcept:
    return rl_good_size(ending.room * sizeof(uint64_t)) if ending.words != NULL else 0

cdef inline uint64_t end_word(int64_t at, uint64_t key) noexcept nogil:
    """The word of a key of such a hash, whose hash ends then."""
    return min(<uint64_t>(at // END_UNIT) + 1, LAST_UNIT) << KEY_BITS | key & KEY_MASK


# ------------------------------------------------------------------------------------------------------------- the heap

cdef void ending_room(Ending ending, size_t room) noexcept:
    if ending.words == NULL:
        ending.words = <uint64_t*>rl_slot_alloc(room * sizeof(uint64_t))
    else:
        ending.words = <uint64_t*>rl_slot_resize(ending.words, ending.room * sizeof(uint64_t), room * sizeof(uint64_t))
    ending.room = room

cdef void ending_push(Ending ending, uint64_t word) noexcept:
    cdef size_t i = ending.count
    if i == ending.room:
        ending_room(ending, i + i // 8 + 8)
    ending.count += 1
    while i and ending.words[(i - 1) // 2] > word:
        ending.words[i] = ending.words[(i - 1) // 2]
        i = (i - 1) // 2
    ending.words[i] = word

cdef void ending_sink(Ending ending, uint64_t word) noexcept:
    """Another word in the place of the first."""
    cdef size_t child, i = 0
    while True:
        child = 2 * i + 1
        if child >= ending.count:
            break
        if child + 1 < ending.count and ending.words[child + 1] < ending.words[child]:
            child += 1
        if ending.words[child] >= word:
            break
        ending.words[i] = ending.words[child]
        i = child
    ending.words[i] = word

cdef void ending_pop(Ending ending) noexcept:
    ending.count -= 1
    if ending.count:
        ending_sink(ending, ending.words[ending.count])
    if ending.count == 0:
        rl_slot_free(ending.words, ending.room * sizeof(uint64_t))
        ending.words = NULL
        ending.room = 0
    elif ending.room > 4 * ending.count + 64:
        ending_room(ending, 2 * ending.count)


# ------------------------------------------------------------------------------------------------- what the words say of

cdef inline int64_t entry_first(const Entry* e) noexcept:
    """The earliest deadline of a field that the database knows of, or FAR."""
    cdef uint64_t word
    if kind_of(e) == PACKED:
        word = rl_load8(value_of(e))
        return pack_first(packed_at(word)) if packed_type(word) == PACKED_TIMED_HASH else FAR
    if kind_of(e) == OBJECT and type(<object>object_of(e)) is Hash:
        return (<Hash>object_of(e)).noted
    return FAR

cdef Entry* word_entry(const Table* t, uint64_t word) noexcept:
    """Of the entries that a word may be of, the one whose hash ends first; NULL: there is none."""
    cdef uint64_t most = max(t.now.mask, t.later.mask if t.moving >= 0 else 0) >> KEY_BITS, high
    cdef Entry* found = NULL
    cdef Entry* e
    cdef Bucket* b
    cdef int64_t first = FAR
    cdef int i
    for high in range(most + 1):
        b = home_of(t, high << KEY_BITS | word & KEY_MASK)
        while True:
            for i in range(SLOTS):
                e = <Entry*>b.slot[i]
                if (b.tags >> (8 * i)) & 0x80 and is_collection(e) and entry_first(e) < first and \
                        (entry_hash(e) ^ word) & KEY_MASK == 0:
                    found, first = e, entry_first(e)
            if not b.tags & CHAINED:
                break
            b = <Bucket*>b.slot[6]
    return found

cdef int words_order(const void* one, const void* other) noexcept nogil:
    cdef uint64_t a = (<const uint64_t*>one)[0], b = (<const uint64_t*>other)[0]
    return (a > b) - (a < b)

cdef void ending_renew(Ending ending, const Table* t) noexcept:
    """Only the words that are true, each once."""
    cdef size_t i, kept = 0
    cdef Entry* e
    for i in range(ending.count):
        e = word_entry(t, ending.words[i])
        if e != NULL:
            ending.words[kept] = end_word(entry_first(e), ending.words[i])
            kept += 1
    qsort(ending.words, kept, sizeof(uint64_t), words_order)
    ending.count = 0
    for i in range(kept):
        if ending.count == 0 or ending.words[i] != ending.words[ending.count - 1]:
            ending.words[ending.count] = ending.words[i]
            ending.count += 1

cdef bytes ending_first(Ending ending, const Table* t, int64_t now):
    """A key whose hash has fields that have ended, or None."""
    cdef uint64_t word
    cdef Entry* e
    while ending.count and ending.words[0] >> KEY_BITS <= <uint64_t>(now // END_UNIT):
        word = ending.words[0]
        while ending.count > 1 and (ending.words[1] == word or ending.count > 2 and ending.words[2] == word):
            ending_pop(ending)
        e = word_entry(t, word)
        if e == NULL:
            ending_pop(ending)
        elif entry_first(e) < now:
            return entry_key(e)
        else:
            ending_sink(ending, end_word(entry_first(e), word))
    return None


# ------------------------------------------------------------------------------------------------------- what it is told

cdef void ending_told(Database db, uint64_t h, int64_t before, int64_t first) noexcept:
    """The hash of a key of such a hash, which stands in the table, has another earliest deadline.  FAR: none."""
    cdef Ending ending = db.ending
    if first >= before:
        if first == FAR:
            ending_forget(ending, before)
        return
    ending.keys += before == FAR
    ending_push(ending, end_word(first, h))
    if ending.count > 2 * ending.keys + STALE_ENDS:
        ending_renew(ending, &db.table)

cdef inline void ending_note(Database db, uint64_t h, Hash value) noexcept:
    """The same of one that has an object."""
    cdef int64_t before = value.noted
    value.noted = value.v.first
    ending_told(db, h, before, value.v.first)

cdef inline void ending_forget(Ending ending, int64_t first) noexcept:
    """An entry of which `entry_first` was this is gone."""
    if first != FAR:
        ending.keys -= 1
        if ending.keys == 0:
            ending_clear(ending)

cdef int ending_check(Database db) except -1:
    """Each hash that ends has a word that is not later, and the order is that of a heap."""
    cdef Ending ending = db.ending
    cdef Place at
    cdef Entry* e
    cdef size_t i, keys = 0
    cdef dict least = {}
    for i in range(ending.count):
        assert i == 0 or ending.words[(i - 1) // 2] <= ending.words[i], "the order of the heap"
        key = ending.words[i] & KEY_MASK
        least[key] = min(ending.words[i], least.get(key, ending.words[i]))
    for name in db.keys():
        e = entry_find(&db.table, name, len(name), rl_hash(name, len(name)), &at)
        if entry_first(e) != FAR:
            keys += 1
            assert least[entry_hash(e) & KEY_MASK] <= end_word(entry_first(e), entry_hash(e)), "a word in time"
        if kind_of(e) == OBJECT and type(<object>object_of(e)) is Hash:
            assert (<Hash>object_of(e)).noted == (<Hash>object_of(e)).v.first, "it was told"
    assert keys == ending.keys, "how many"
    return 0
