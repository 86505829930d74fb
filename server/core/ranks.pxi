# Members in the order of their scores: a counted B+-tree, for sorted sets that are not packed.
#
# Must live here: the order, ranks, and the tree's invariants.  Must not: where members are found by name
# (members.pxi), the packed form (packed_scores.pxi), commands.
#
# An element is a score and a member, whose cell the table owns (members.pxi: SCORED).  Leaves hold up to 64 of them,
# scores and cells in two arrays, so a search reads scores that lie side by side and touches a cell only where scores
# are equal.  An inner node has for each child how many elements are below it, which makes ranks a sum on the way down,
# and a copy of the child's first element.  That copy is exact, never stale: it points to a cell that is there.
#
# Why not a skip list: each element of one is a node of its own with 1.33 pointers and spans on average, 45 bytes and a
# cache miss for every step; here an element takes 16 bytes in a leaf that is 69% full on average, 24 in all, and a
# million elements are four steps.  Why not sorted blocks in one array, as the plain core has them: a block more moves
# half of that array, a rank is a sum over it, and both grow with the root of the number of elements; here both are
# bounded. Why 64: to insert moves 512 bytes on average, which costs about as much as one miss; twice as many move
# twice as much and save a sixth of the steps.
#
# A full leaf is split in halves, but one that grows at the very end keeps all of its elements, so that scores that
# only ever rise (times) fill leaves to the brim.  A node under half that would fill a neighbour to no more than three
# quarters is merged with it, so that nodes neither stay all but empty nor are split and merged in turns.

from libc.math cimport INFINITY, isinf, isnan, nextafter, signbit

cdef enum:
    SPARSE = 32             # below it a node looks for a neighbour to be merged with
    MERGED = 48             # that both together may have
    DEEPEST = 16            # levels: neighbours among nodes that have lost something hold 49 together

cdef struct Inner:          # score and first of child 0 are not used: they are the parent's business
    size_t n
    size_t[64] count        # elements below each child
    void* child[64]
    double[64] score        # the first element of each child
    void* first[64]

cdef struct Ranks:
    void* root              # a leaf if height is 0
    int height              # levels of inner nodes
    size_t n
    size_t leaves           # how many there are
    size_t inners

cdef struct Way:            # from the root to a place in a leaf
    Inner* node[DEEPEST]
    int[DEEPEST] at              # the child that is gone to
    Leaf* leaf
    int place               # may be leaf.n: behind its last element


cdef void ranks_init(Ranks* t, size_t expected) noexcept nogil:
    """An empty tree, in which so many elements are expected."""
    memset(t, 0, sizeof(Ranks))
    t.root = leaf_make(room_for_elements(expected))
    t.leaves = 1

cdef Leaf* leaf_further(Ranks* t) noexcept nogil:
    """One that is not the only one."""
    t.leaves += 1
    return leaf_make(FAN)

cdef Leaf* leaf_resize(Ranks* t, uint32_t room) noexcept nogil:
    """Have an only leaf with another room, which is enough."""
    cdef Leaf* old = <Leaf*>t.root
    cdef Leaf* leaf = leaf_make(room)
    leaf.n = old.n
    memcpy(leaf.score, old.score, old.n * sizeof(double))
    memcpy(leaf.member, old.member, old.n * sizeof(void*))
    leaf_free(old)
    t.root = leaf
    return leaf

cdef Inner* inner_make(Ranks* t) noexcept nogil:
    cdef Inner* node = <Inner*>rl_alloc(sizeof(Inner))
    node.n = 0
    t.inners += 1
    return node

cdef void ranks_free(void* node, int height) noexcept nogil:
    """Free what is below a node, which is so high; not the cells."""
    cdef size_t i
    if height:
        for i in range((<Inner*>node).n):
            ranks_free((<Inner*>node).child[i], height - 1)
        free(node)
    else:
        leaf_free(<Leaf*>node)

cdef inline size_t ranks_memory(const Ranks* t) noexcept nogil:
    if t.height == 0 and (<Leaf*>t.root).room < FAN:
        return rl_good_size(leaf_size((<Leaf*>t.root).room))
    return t.leaves * (leaf_size(FAN) + 8) + t.inners * (sizeof(Inner) + 8)


# -------------------------------------------------------------------------------------------------------------- looking

cdef inline int child_of(const Inner* node, double score, const char* p, size_t n) noexcept nogil:
    """The last child whose first element is at or before (score, p); 0 if there is none."""
    cdef int low = 1, high = <int>node.n, middle
    while low < high:
        middle = (low + high) >> 1
        if node.score[middle] > score or node.score[middle] == score and \
                name_order(node.first[middle], p, n) > 0:
            high = middle
        else:
            low = middle + 1
    return low - 1

cdef void ranks_seek(const Ranks* t, double score, const char* p, size_t n, Way* way) noexcept nogil:
    """The way to the first element at or behind (score, p), or to where it belongs."""
    cdef void* node = t.root
    cdef Leaf* leaf
    cdef int level, low = 0, high, middle
    for level in range(t.height):
        way.node[level] = <Inner*>node
        way.at[level] = child_of(<Inner*>node, score, p, n)
        node = (<Inner*>node).child[way.at[level]]
    leaf = <Leaf*>node
    high = <int>leaf.n
    while low < high:
        middle = (low + high) >> 1
        if is_before(leaf.score[middle], leaf.member[middle], score, p, n):
            low = middle + 1
        else:
            high = middle
    way.leaf = leaf
    way.place = low

cdef size_t way_rank(const Ranks* t, const Way* way) noexcept nogil:
    cdef size_t rank = <size_t>way.place
    cdef int level, i
    for level in range(t.height):
        for i in range(way.at[level]):
            rank += way.node[level].count[i]
    return rank

cdef bint way_next(const Ranks* t, Way* way) noexcept nogil:
    """On to the next element; False at the end."""
    cdef void* node
    cdef int level = t.height - 1
    way.place += 1
    if way.place < <int>way.leaf.n:
        return True
    while level >= 0 and way.at[level] + 1 == <int>way.node[level].n:
        level -= 1
    if level < 0:
        return False
    way.at[level] += 1
    node = way.node[level].child[way.at[level]]
    for level in range(level + 1, t.height):
        way.node[level] = <Inner*>node
        way.at[level] = 0
        node = (<Inner*>node).child[0]
    way.leaf = <Leaf*>node
    way.place = 0
    return True

cdef inline bint way_from(const Ranks* t, double score, Way* way) noexcept nogil:
    """The way to the first element with at least this score; False if there is none."""
    if t.n == 0:
        return False
    ranks_seek(t, score, b"", 0, way)      # no name is before the empty one
    if way.place < <int>way.leaf.n:
        return True
    way.place -= 1
    return way_next(t, way)

cdef bint way_back(const Ranks* t, Way* way) noexcept nogil:
    """Back to the element before; False at the beginning."""
    cdef void* node
    cdef int level = t.height - 1
    way.place -= 1
    if way.place >= 0:
        return True
    while level >= 0 and way.at[level] == 0:
        level -= 1
    if level < 0:
        return False
    way.at[level] -= 1
    node = way.node[level].child[way.at[level]]
    for level in range(level + 1, t.height):
        way.node[level] = <Inner*>node
        way.at[level] = <int>(<Inner*>node).n - 1
        node = (<Inner*>node).child[way.at[level]]
    way.leaf = <Leaf*>node
    way.place = <int>way.leaf.n - 1
    return True

cdef void ranks_at(const Ranks* t, size_t rank, Way* way) noexcept nogil:
    """The way to the element of a rank, which is below n."""
    cdef void* node = t.root
    cdef int level, i
    for level in range(t.height):
        i = 0
        while rank >= (<Inner*>node).count[i]:
            rank -= (<Inner*>node).count[i]
            i += 1
        way.node[level] = <Inner*>node
        way.at[level] = i
        node = (<Inner*>node).child[i]
    way.leaf = <Leaf*>node
    way.place = <int>rank

cdef size_t ranks_below(const Ranks* t, double score) noexcept nogil:
    """How many elements have a lower score.  (No name is before the empty one.)"""
    cdef Way way
    ranks_seek(t, score, b"", 0, &way)
    return way_rank(t, &way)


# --------------------------------------------------------------------------------------------------------------- adding

cdef inline void make_gap(char* array, size_t at, size_t n, size_t size) noexcept nogil:
    memmove(array + (at + 1) * size, array + at * size, (n - at) * size)

cdef inline void close_gap(char* array, size_t at, size_t count, size_t n, size_t size) noexcept nogil:
    memmove(array + at * size, array + (at + count) * size, (n - at - count) * size)

cdef void child_insert(Inner* node, int at, void* child, size_t count, double score, void* first) noexcept nogil:
    make_gap(<char*>node.count, at, node.n, 8)
    make_gap(<char*>node.child, at, node.n, 8)
    make_gap(<char*>node.score, at, node.n, 8)
    make_gap(<char*>node.first, at, node.n, 8)
    node.count[at] = count
    node.child[at] = child
    node.score[at] = score
    node.first[at] = first
    node.n += 1

cdef void children_copy(Inner* to, size_t at, const Inner* source, size_t start, size_t count) noexcept nogil:
    memcpy(&to.count[at], &source.count[start], count * 8)
    memcpy(&to.child[at], &source.child[start], count * 8)
    memcpy(&to.score[at], &source.score[start], count * 8)
    memcpy(&to.first[at], &source.first[start], count * 8)

cdef void inner_split(Ranks* t, Way* way, int level, bint last) noexcept nogil:
    """Split a full node on the way, whose parent has room; the way goes through one of the halves."""
    cdef Inner* node = way.node[level]
    cdef Inner* right = inner_make(t)
    cdef Inner* parent = way.node[level - 1]
    cdef int i = way.at[level - 1]
    cdef size_t where = FAN - 1 if last else FAN // 2
    cdef size_t k, moved = 0
    right.n = node.n - where
    children_copy(right, 0, node, where, right.n)
    node.n = where
    for k in range(right.n):
        moved += right.count[k]
    parent.count[i] -= moved
    child_insert(parent, i + 1, right, moved, right.score[0], right.first[0])
    if way.at[level] >= <int>where:
        way.node[level] = right
        way.at[level] -= <int>where
        way.at[level - 1] += 1

cdef void room_above(Ranks* t, Way* way, bint last) noexcept nogil:
    """See to it that the leaf has a parent with room for one more."""
    cdef int level = t.height - 1, k
    cdef Inner* root
    while level >= 0 and way.node[level].n == FAN:
        level -= 1
    if level < 0:
        root = inner_make(t)
        root.n = 1
        root.child[0] = t.root
        root.count[0] = t.n
        root.score[0] = 0
        root.first[0] = NULL
        for k in range(t.height, 0, -1):
            way.node[k] = way.node[k - 1]
            way.at[k] = way.at[k - 1]
        way.node[0] = root
        way.at[0] = 0
        t.root = root
        t.height += 1
        level = 0
    for k in range(level + 1, t.height):
        inner_split(t, way, k, last)

cdef void leaf_split(Ranks* t, Way* way, double score, void* m) noexcept nogil:
    """Split the full leaf at the end of the way, which then leads to where (score, m) belongs."""
    cdef bint last = way.place == FAN
    cdef int level, i
    cdef Leaf* leaf = way.leaf
    cdef Leaf* right = leaf_further(t)
    cdef Inner* parent
    cdef size_t where
    for level in range(t.height):
        last = last and way.at[level] == <int>way.node[level].n - 1
    where = FAN if last else FAN // 2
    room_above(t, way, last)
    parent = way.node[t.height - 1]
    i = way.at[t.height - 1]
    right.n = FAN - where
    memcpy(right.score, &leaf.score[where], right.n * 8)
    memcpy(right.member, &leaf.member[where], right.n * 8)
    leaf.n = where
    parent.count[i] = where
    if right.n:
        child_insert(parent, i + 1, right, right.n, right.score[0], right.member[0])
    else:
        child_insert(parent, i + 1, right, 0, score, m)
    if last or way.place > <int>where:
        way.leaf = right
        way.place -= <int>where
        way.at[t.height - 1] += 1

cdef void ranks_add(Ranks* t, double score, void* m) noexcept nogil:
    """Add an element that is not there."""
    cdef Slice name = member_text(m)
    cdef Way way
    cdef Leaf* leaf
    cdef int level
    ranks_seek(t, score, name.p, name.n, &way)
    if way.leaf.n == FAN:
        leaf_split(t, &way, score, m)
    elif way.leaf.n == way.leaf.room:
        way.leaf = leaf_resize(t, room_for_elements(way.leaf.n + 1))
    leaf = way.leaf
    make_gap(<char*>leaf.score, way.place, leaf.n, 8)
    make_gap(<char*>leaf.member, way.place, leaf.n, 8)
    leaf.score[way.place] = score
    leaf.member[way.place] = m
    leaf.n += 1
    for level in range(t.height):
        way.node[level].count[way.at[level]] += 1
    t.n += 1


# ------------------------------------------------------------------------------------------------------------- removing

cdef void first_changed(Way* way, int level, double score, void* m) noexcept nogil:
    """What is below the way's child at a level begins with another element: tell whoever has a copy of the first."""
    while level >= 0:
        if way.at[level]:
            way.node[level].score[way.at[level]] = score
            way.node[level].first[way.at[level]] = m
            return
        level -= 1

cdef void child_remove(Way* way, int level, int at) noexcept nogil:
    cdef Inner* node = way.node[level]
    close_gap(<char*>node.count, at, 1, node.n, 8)
    close_gap(<char*>node.child, at, 1, node.n, 8)
    close_gap(<char*>node.score, at, 1, node.n, 8)
    close_gap(<char*>node.first, at, 1, node.n, 8)
    node.n -= 1
    if at == 0 and node.n:
        first_changed(way, level - 1, node.score[0], node.first[0])

cdef void leaves_merge(Ranks* t, Way* way, int i) noexcept nogil:
    """Bring the elements of leaf i + 1 of the way's last inner node into leaf i."""
    cdef Inner* parent = way.node[t.height - 1]
    cdef Leaf* left = <Leaf*>parent.child[i]
    cdef Leaf* right = <Leaf*>parent.child[i + 1]
    memcpy(&left.score[left.n], right.score, right.n * 8)
    memcpy(&left.member[left.n], right.member, right.n * 8)
    if left.n == 0:
        way.at[t.height - 1] = i
        first_changed(way, t.height - 1, left.score[0], left.member[0])
    left.n += right.n
    parent.count[i] = left.n
    child_remove(way, t.height - 1, i + 1)
    leaf_free(right)
    t.leaves -= 1

cdef void inners_merge(Ranks* t, Way* way, int level, int i) noexcept nogil:
    """Bring the children of child i + 1 of a node on the way into child i; both have some."""
    cdef Inner* parent = way.node[level]
    cdef Inner* left = <Inner*>parent.child[i]
    cdef Inner* right = <Inner*>parent.child[i + 1]
    children_copy(left, left.n, right, 0, right.n)
    left.score[left.n] = parent.score[i + 1]
    left.first[left.n] = parent.first[i + 1]
    left.n += right.n
    parent.count[i] += parent.count[i + 1]
    child_remove(way, level, i + 1)
    free(right)
    t.inners -= 1

cdef void leaf_fit(Ranks* t, Way* way) noexcept nogil:
    """The leaf at the end of the way has lost elements: merge it with a neighbour, or do without it."""
    cdef Inner* parent = way.node[t.height - 1]
    cdef int i = way.at[t.height - 1]
    if i + 1 < <int>parent.n and parent.count[i] + parent.count[i + 1] <= MERGED:
        leaves_merge(t, way, i)
    elif i and parent.count[i - 1] + parent.count[i] <= MERGED:
        leaves_merge(t, way, i - 1)
    elif parent.count[i] == 0:
        leaf_free(way.leaf)
        t.leaves -= 1
        child_remove(way, t.height - 1, i)

cdef void inner_fit(Ranks* t, Way* way, int level) noexcept nogil:
    """The same of the inner node at a level that is not the root's."""
    cdef Inner* node = way.node[level]
    cdef Inner* parent = way.node[level - 1]
    cdef int i = way.at[level - 1]
    if node.n == 0:
        free(node)
        t.inners -= 1
        child_remove(way, level - 1, i)
    elif i + 1 < <int>parent.n and node.n + (<Inner*>parent.child[i + 1]).n <= MERGED:
        inners_merge(t, way, level - 1, i)
    elif i and node.n + (<Inner*>parent.child[i - 1]).n <= MERGED:
        inners_merge(t, way, level - 1, i - 1)

cdef void ranks_cut(Ranks* t, Way* way, size_t count) noexcept nogil:
    """Take out as many elements from the way's place on, all of its leaf.  The way is of no use any more."""
    cdef Leaf* leaf = way.leaf
    cdef void* root
    cdef int level
    close_gap(<char*>leaf.score, way.place, count, leaf.n, 8)
    close_gap(<char*>leaf.member, way.place, count, leaf.n, 8)
    leaf.n -= count
    t.n -= count
    for level in range(t.height):
        way.node[level].count[way.at[level]] -= count
    if way.place == 0 and leaf.n:
        first_changed(way, t.height - 1, leaf.score[0], leaf.member[0])
    if t.height == 0:
        root_fit(t)
        return
    if leaf.n >= SPARSE:
        return
    leaf_fit(t, way)
    for level in range(t.height - 1, 0, -1):
        if way.node[level].n >= SPARSE:
            break
        inner_fit(t, way, level)
    while t.height and (<Inner*>t.root).n == 1:
        root = t.root
        t.root = (<Inner*>root).child[0]
        t.height -= 1
        free(root)
        t.inners -= 1
    if t.height == 0:
        root_fit(t)

cdef inline void root_fit(Ranks* t) noexcept nogil:
    """An only leaf that is empty by three quarters gets narrower by half at least."""
    cdef Leaf* leaf = <Leaf*>t.root
    if leaf.room > 1 and 4 * leaf.n <= leaf.room:
        leaf_resize(t, room_for_elements(2 * leaf.n))

cdef void ranks_move(Ranks* t, void* m, double old, double score) noexcept nogil:
    """An element has another score: it stays where it is if it may, else it goes to where it belongs."""
    cdef Slice name = member_text(m)
    cdef Way way
    cdef Leaf* leaf
    cdef int i
    ranks_seek(t, old, name.p, name.n, &way)
    leaf = way.leaf
    i = way.place
    if 0 < i < <int>leaf.n - 1 and is_before(leaf.score[i - 1], leaf.member[i - 1], score, name.p, name.n) and \
            not is_before(leaf.score[i + 1], leaf.member[i + 1], score, name.p, name.n):
        leaf.score[i] = score
        return
    ranks_cut(t, &way, 1)
    ranks_add(t, score, m)


# ----------------------------------------------------------------------------------------------------------- invariants

cdef list node_check(void* node, int height, bint only, size_t[2] sums):
    """The elements below a node; sums: leaves, inner nodes.  only: it is the root."""
    cdef Leaf* leaf
    cdef Inner* inner
    cdef size_t i
    cdef list found = []
    if height == 0:
        leaf = <Leaf*>node
        sums[0] += 1
        assert leaf.n <= leaf.room <= FAN and (leaf.n or only), "elements of a leaf"
        assert leaf.room == FAN or only, "room of a leaf"
        for i in range(leaf.n):
            assert rl_as_bits(leaf.score[i]) == rl_as_bits(score_of(leaf.member[i])), "score"
            found.append((leaf.score[i], slice_bytes(member_text(leaf.member[i]))))
        return found
    inner = <Inner*>node
    sums[1] += 1
    assert (2 if only else 1) <= inner.n <= FAN, "children of a node"
    for i in range(inner.n):
        below = node_check(inner.child[i], height - 1, False, sums)
        assert len(below) == inner.count[i], "count"
        if i:
            assert below[0] == (inner.score[i], slice_bytes(member_text(inner.first[i]))), "first element"
        found += below
    return found

cdef list ranks_check(Ranks* t):
    """Every invariant of the structure; returns its elements."""
    cdef size_t[2] sums
    memset(sums, 0, sizeof(sums))
    found = node_check(t.root, t.height, True, sums)
    assert found == sorted(found), "order"
    assert len(found) == t.n, "size"
    assert sums[0] == t.leaves and sums[1] == t.inners, "nodes"
    return found
