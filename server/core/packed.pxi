# Small collections that stand in entries by themselves: packed in one allocation, they need no object of Python.
#
# Must live here: what the eight bytes of such an entry mean, how it becomes an object and an entry again.  Must not: what
# is in a collection, and when it is packed (the types').
#
# Why: an object takes 32 bytes and more, and its weight eight; a list of one short element takes 16.  Hot commands need
# the listpack alone.  A Python command needs the object: it is made when the value is asked for (db_value), and once the
# request is over and nobody refers to it any more, the entry has the listpack again (loop_pack).
#
# The eight bytes are the address of a slot (slab.h), a multiple of eight, and in its lowest three bits the type.

cdef enum:
    PACKED_LIST = 0
    PACKED_ZSET = 1
    PACKED_NUMBERS = 2          # a set's intset
    PACKED_SET = 3              # a set's listpack
    PACKED_FEW = 4              # one that is told as a table
    PACKED_HASH = 5             # a hash's listpack
    PACKED_TIMED_HASH = 6       # one whose fields may have deadlines
    PACKED_TYPE = 7
    UNPACKED_AT_MOST = 2048     # databases and keys that are remembered before some are packed again


cdef inline char* packed_at(uint64_t word) noexcept nogil:
    return <char*><size_t>(word & ~<uint64_t>PACKED_TYPE)

cdef inline int packed_type(uint64_t word) noexcept nogil:
    return <int>(word & PACKED_TYPE)

cdef inline uint64_t word_for(const void* data, int type_) noexcept nogil:
    return <uint64_t><size_t>data | <uint64_t>type_

cdef inline size_t packed_memory(uint64_t word) noexcept nogil:
    if packed_type(word) == PACKED_ZSET:
        return pack_memory(packed_at(word))
    if packed_type(word) == PACKED_NUMBERS:
        return rl_good_size(rl_intset_bytes(<rl_intset*>packed_at(word)))
    return lp_memory(packed_at(word))

cdef void packed_free(uint64_t word) noexcept nogil:
    if packed_type(word) == PACKED_ZSET:
        pack_free(packed_at(word))
    elif packed_type(word) == PACKED_NUMBERS:
        rl_intset_free(<rl_intset*>packed_at(word))
    else:
        lp_free(packed_at(word))

cdef bytes packed_kind(uint64_t word):
    return (List.kind, SortedSet.kind, Set.kind, Set.kind, Set.kind, Hash.kind, Hash.kind)[packed_type(word)]

cdef bint packed_check(uint64_t word) except -1:
    cdef const char* lp = packed_at(word)
    if packed_type(word) == PACKED_ZSET:
        return len(pack_check(lp)) > 0
    if packed_type(word) == PACKED_NUMBERS:
        return (<rl_intset*>lp).count > 0
    return packed_type(word) <= PACKED_TIMED_HASH and lp_check(lp, lp_size(lp)) and lp_count(lp) > 0

cdef inline SetData packed_set(uint64_t word) noexcept nogil:
    cdef SetData s
    s.data = packed_at(word)
    s.form = INTSET if packed_type(word) == PACKED_NUMBERS else LISTPACK
    s.few = packed_type(word) == PACKED_FEW
    return s

cdef inline bint is_packed_set(uint64_t word) noexcept nogil:
    return PACKED_NUMBERS <= packed_type(word) <= PACKED_FEW

cdef inline HashData packed_hash(uint64_t word) noexcept nogil:
    cdef HashData s
    s.data = packed_at(word)
    s.heap = NULL
    s.large = False
    s.timed = packed_type(word) == PACKED_TIMED_HASH
    s.first = pack_first(<char*>s.data) if s.timed else FAR
    return s

cdef inline uint64_t word_of_hash(const HashData* s) noexcept nogil:
    return word_for(s.data, PACKED_TIMED_HASH if s.timed else PACKED_HASH)

cdef inline uint64_t word_of_set(const SetData* s) noexcept nogil:
    return word_for(s.data, PACKED_NUMBERS if s.form == INTSET else PACKED_FEW if s.few else PACKED_SET)


cdef Entry* db_reshape(Database db, Entry* e, Place* at, int kind, const char* payload, size_t size) noexcept:
    """Give an entry another payload; what the old one refers to is the caller's."""
    cdef bint timed = (e.flags & TIMED) != 0
    cdef size_t old_size = entry_size(e)
    cdef Entry* fresh = entry_blank(shape(kind, FRESH, key_size(e), 0, timed), key_of(e), key_size(e), size)
    fresh.access = e.access
    if timed:
        deadline_of(fresh)[0] = deadline_of(e)[0]
    rl_copy(value_of(fresh), payload, size)
    entry_replace(&db.table, at, fresh, old_size)
    rl_slot_free(e, old_size)
    return fresh

cdef Entry* db_hold(Database db, Entry* e, Place* at, object value, size_t weight) noexcept:
    """An entry refers to an object from now on."""
    cdef char[HELD] payload
    rl_store8(payload, <uint64_t><size_t><PyObject*>value)
    rl_store8(payload + 8, <uint64_t>weight)
    Py_INCREF(value)
    return db_reshape(db, e, at, OBJECT, payload, HELD)

cdef object db_value(Database db, Entry* e, Place* at):
    """The value as Python commands see it."""
    cdef size_t weight, itself = COLLECTION
    cdef uint64_t word
    cdef SetData members
    cdef HashData fields
    if kind_of(e) != PACKED:
        return entry_value(e)
    weight = weight_of(e)
    word = rl_load8(value_of(e))
    if packed_type(word) == PACKED_LIST:
        value, itself = list_around(db.loop.config, <size_t>word), LIST_ITSELF
    elif packed_type(word) == PACKED_ZSET:
        value, itself = zset_around(db.loop.config, NULL, packed_at(word)), ZSET_ITSELF
    elif packed_type(word) >= PACKED_HASH:
        fields = packed_hash(word)
        value, itself = hash_around(db.loop.config, &fields), HASH_ITSELF
        (<Hash>value).noted = fields.first
    else:
        members = packed_set(word)
        value = set_around(db.loop.config, &members)
    e = db_hold(db, e, at, value, itself + weight)
    db.table.weight += itself
    loop_unpacked(db.loop, db, entry_key(e))
    return value

cdef List list_around(object limits, size_t root):
    """The object of what was without one."""
    cdef List l = List(limits)
    list_free(l.root)
    l.root = root
    return l

cdef SortedSet zset_around(object limits, Scores* large, char* pack):
    """The same of a sorted set."""
    cdef SortedSet z = SortedSet.__new__(SortedSet, limits)
    z.v.large = large
    z.v.pack = pack
    return z

cdef Set set_around(object limits, const SetData* data):
    """The same of a set."""
    cdef Set s = Set(limits)
    set_drop(s.v.form, s.v.data)
    s.v = data[0]
    return s

cdef Hash hash_around(object limits, const HashData* data):
    """The same of a hash."""
    cdef Hash s = Hash(limits)
    hash_drop(&s.v)
    s.v = data[0]
    return s

cdef uint64_t packed_word(object value) noexcept:
    """What the entry has of a collection that may stand there by itself; 0 of any other."""
    if type(value) is List:
        return 0 if (<List>value).root & QUICK else (<List>value).root | PACKED_LIST
    if type(value) is SortedSet and (<SortedSet>value).v.pack != NULL:
        return <size_t>(<SortedSet>value).v.pack | PACKED_ZSET
    if type(value) is Set:
        return 0 if (<Set>value).v.form == HASHTABLE else word_of_set(&(<Set>value).v)
    if type(value) is Hash and not (<Hash>value).v.large:
        return word_of_hash(&(<Hash>value).v)
    return 0

cdef void packed_leave(object value) noexcept:
    """The object has its content no longer."""
    if type(value) is List:
        (<List>value).root = 0
    elif type(value) is Set:
        (<Set>value).v.data = NULL
    elif type(value) is Hash:
        (<Hash>value).v.data = NULL
    else:
        (<SortedSet>value).v.pack = NULL

cdef inline object limits_of(object value):
    if type(value) is List:
        return (<List>value).limits
    if type(value) is Set:
        return (<Set>value).limits
    return (<Hash>value).limits if type(value) is Hash else (<SortedSet>value).limits

cdef bint db_pack(Database db, Entry* e, Place* at) noexcept:
    """Let a packed collection stand in its entry by itself, if nobody refers to its object."""
    cdef char[8] payload
    cdef PyObject* held = object_of(e) if kind_of(e) == OBJECT else NULL
    cdef uint64_t word
    if held == NULL or held.ob_refcnt > 1:
        return False
    word = packed_word(<object>held)
    if word == 0 or limits_of(<object>held) is not db.loop.config:
        return False
    if type(<object>held) is Hash and (<Hash>held).noted != (<Hash>held).v.first:
        return False                    # whoever has changed it has not told
    rl_store8(payload, word)
    db.table.weight -= weight_of(e) - packed_memory(word)
    db_reshape(db, e, at, PACKED, payload, 8)
    packed_leave(<object>held)
    Py_XDECREF(held)
    return True


# ----------------------------------------------------------------------------------------------------- once a request is over

cdef void db_note_packed(Database db, bytes key, object value) noexcept:
    """A collection that may be without an object has one."""
    if db.loop is not None and packed_word(value):
        loop_unpacked(db.loop, db, key)

cdef void loop_unpacked(Loop loop, Database db, bytes key) noexcept:
    if PyList_GET_SIZE(loop.unpacked) >= UNPACKED_AT_MOST:
        loop_pack(loop)
    loop.unpacked.append(db)
    loop.unpacked.append(key)

cdef void loop_pack(Loop loop) noexcept:
    """Let what Python has seen stand in its entries again."""
    cdef Py_ssize_t i
    cdef Database db
    cdef bytes key
    cdef Place at
    cdef Entry* e
    cdef list places = loop.unpacked
    loop.unpacked = []
    for i in range(0, len(places), 2):
        db = <Database>places[i]
        key = <bytes>places[i + 1]
        e = entry_find(&db.table, key, len(key), rl_hash(key, len(key)), &at)
        if e != NULL:
            db_pack(db, e, &at)
