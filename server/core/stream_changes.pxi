# How streams change: entries that come at the end, that go at the beginning or out of turn, nodes that are loaded.
#
# Must live here: what writes to nodes and to their array.  Must not: how an entry is read (stream.pxi).

cdef void stream_room(Stream s) noexcept:
    """See to it that there is room for a node at the end."""
    if s.begin + s.count < s.room:
        return
    if s.begin > s.count:
        memmove(s.array, s.array + s.begin, s.count * sizeof(Node))
        s.begin = 0
        return
    s.room = 2 * s.room if s.room else 1
    s.array = <Node*>rl_resize(s.array, s.room * sizeof(Node))

cdef Node* node_begin(Stream s, Id first, const Slice* texts, size_t pairs, size_t step) noexcept:
    """A node with no entry yet.  Its fields are every step-th text."""
    cdef lp_item item
    cdef Node* node
    cdef size_t i
    stream_room(s)
    node = node_at(s, s.count)
    memset(node, 0, sizeof(Node))
    s.count += 1
    node.first = first
    node.last = first
    node.fields = <uint32_t>pairs
    node.lp = lp_new()
    lp_prepare_int(&item, <int64_t>pairs)
    node.size = LP_ENDS + 3 * 2 + item.size     # two counts and an end, and how many fields
    for i in range(pairs):
        lp_prepare(&item, texts[step * i].p, texts[step * i].n)
        node.size += item.size
        node.lp = lp_append(node.lp, &item, 1)
    node.head = <uint32_t>(lp_size(node.lp) - 1)
    s.held += lp_memory(node.lp)
    return node

cdef bint has_fields(const Node* node, const Slice* texts, size_t pairs) noexcept nogil:
    cdef char[24] room
    cdef char* at = node.lp + LP_HEAD
    cdef const char* text
    cdef size_t i, n = 0
    if pairs != node.fields:
        return False
    for i in range(pairs):
        text = lp_text(at, room, &n)
        if n != texts[2 * i].n or not rl_same(text, texts[2 * i].p, n):
            return False
        at += lp_whole_n(at)
    return True

cdef void node_append(Stream s, Node* node, Id id_, const Slice* texts, size_t pairs) noexcept:
    cdef lp_item[FEW_ITEMS] few
    cdef lp_item* items = few
    cdef lp_item tail
    cdef size_t i, n = ENTRY_HEAD
    cdef bint same = has_fields(node, texts, pairs)
    if 2 * pairs + ENTRY_HEAD + 1 > FEW_ITEMS:
        items = <lp_item*>rl_alloc((2 * pairs + ENTRY_HEAD + 1) * sizeof(lp_item))
    lp_prepare_int(items, same)
    lp_prepare_int(items + 1, <int64_t>(id_.ms - node.first.ms))
    lp_prepare_int(items + 2, <int64_t>(id_.seq - node.first.seq))
    if not same:
        lp_prepare_int(items + n, <int64_t>pairs)
        n += 1
    for i in range(2 * pairs):
        if i & 1 or not same:
            lp_prepare(items + n, texts[i].p, texts[i].n)
            n += 1
    lp_prepare_int(&tail, <int64_t>n)           # Redis has how many there are behind them
    node.size += tail.size
    for i in range(n):
        node.size += items[i].size
    s.held -= lp_memory(node.lp)
    node.lp = lp_append(node.lp, items, n)
    s.held += lp_memory(node.lp)
    node.live += 1
    if items != few:
        free(items)

cdef void stream_append(Stream s, Id id_, const Slice* texts, size_t pairs, const StreamLimits* limits) noexcept:
    """Add an entry behind all others; texts are fields and values in turn."""
    cdef Node* node = node_at(s, s.count - 1) if s.count else NULL
    cdef size_t i, size = 0, most = NODE_MOST
    for i in range(2 * pairs):
        size += texts[i].n
    if 0 < limits.bytes <= NODE_MOST:
        most = <size_t>limits.bytes
    if node == NULL or node.size + size >= most or 0 < limits.entries <= node.total:
        node = node_begin(s, id_, texts, pairs, 2)
    node_append(s, node, id_, texts, pairs)
    node.last = id_
    node.total += 1
    s.last_ = id_
    s.added += 1
    s.live += 1

cdef int stream_load_node(Stream s, object told) except -1:
    """A node as another server has kept it."""
    cdef Slice* texts
    cdef Node* node
    cdef list items
    cdef size_t i, most = max([len(told.fields)] + [len(items_) for _, items_ in told.entries])
    texts = <Slice*>rl_alloc((most + 1) * sizeof(Slice))
    try:
        items = list(told.fields)
        for i in range(<size_t>len(items)):
            texts[i] = slice_of(<bytes?>items[i])
        node = node_begin(s, read_id(told.first), texts, <size_t>len(items), 1)
        for number, entry in told.entries:
            items = list(entry)
            for i in range(<size_t>len(items)):
                texts[i] = slice_of(<bytes?>items[i])
            node_append(s, node, read_id(number), texts, <size_t>len(items) // 2)
        node.last = read_id(told.last)
        node.total = told.total
        node.size = told.size
        return 0
    finally:
        free(texts)

cdef void node_adopt(Stream s, Id first, Id last, const Buffer* packed, size_t head, uint32_t fields, uint32_t total,
                     uint32_t live, size_t size) noexcept:
    """A node behind all others, of a listpack that is ready."""
    cdef Node* node
    stream_room(s)
    node = node_at(s, s.count)
    s.count += 1
    node.first, node.last = first, last
    node.lp = lp_from(packed.p, packed.used)
    node.head, node.fields, node.total, node.live, node.size = <uint32_t>head, fields, total, live, size
    s.held += lp_memory(node.lp)
    s.live += live

cdef void node_drop(Stream s, size_t i) noexcept:
    """A node goes, with what is in it."""
    cdef Node* node = node_at(s, i)
    s.held -= lp_memory(node.lp)
    s.live -= node.live
    lp_free(node.lp)
    if i == 0:
        s.begin += 1
    else:
        memmove(node, node + 1, (s.count - i - 1) * sizeof(Node))
    s.count -= 1
    if s.count == 0:
        s.begin = 0

cdef void node_cut(Stream s, Node* node, char* at, size_t entries, char* end) noexcept:
    """Entries of a node go, which keeps others; they stand from one place up to another one."""
    cdef size_t elements = 0
    cdef char* place = at
    while place != end:
        place += lp_whole_n(place)
        elements += 1
    s.held -= lp_memory(node.lp)
    node.lp = lp_delete(node.lp, &at, elements)
    s.held += lp_memory(node.lp)
    node.live -= <uint32_t>entries
    s.live -= entries

cdef bint stream_remove(Stream s, Id id_) noexcept:
    cdef Record record
    cdef Node* node = stream_find(s, id_, &record)
    if node == NULL:
        return False
    if node.live == 1:
        node_drop(s, <size_t>(node - node_at(s, 0)))
    else:
        node_cut(s, node, record.at, 1, record_end(node, &record))
    return True

cdef size_t stream_trim(Stream s, bint by_length, uint64_t longest, Id least, bint whole, size_t limit) noexcept:
    """See types.Stream.trim."""
    cdef size_t before = s.live, size
    cdef Node* node
    while s.count:
        node = node_at(s, 0)
        size = node.live
        if by_length and s.live <= longest or limit and before - s.live + size > limit:
            break
        if not (s.live - size >= longest if by_length else id_order(node.last, least) < 0):
            if not whole:
                trim_node(s, node, by_length, longest, least)
            break
        node_drop(s, 0)
    return before - s.live

cdef void trim_node(Stream s, Node* node, bint by_length, uint64_t longest, Id least) noexcept:
    """Take the oldest of a node that keeps some: down to a length, or those below an id."""
    cdef Record record
    cdef char* begin = node.lp + node.head
    cdef char* at = begin
    cdef size_t entries = 0
    while not lp_at_end(at):
        record_read(node, at, &record)
        if s.live - entries == longest if by_length else id_order(record.id, least) >= 0:
            break
        entries += 1
        at = record_end(node, &record)
    if entries:                     # a node that is emptied so stays, as Redis's does
        node_cut(s, node, begin, entries, at)
