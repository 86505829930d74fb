# Work over every byte of a file or payload, as redlark.server.types promises it.
#
# Must live here: the face of bytework.h.  Must not: what the bytes mean (redlark.server.rdb).

cdef extern from "bytework.h" nogil:
    void rl_crc_prepare()
    uint64_t rl_crc64(uint64_t crc, const unsigned char* p, size_t n)
    size_t rl_lzf_compress(const unsigned char* p, size_t n, unsigned char* to, size_t room)
    bint rl_lzf_expand(const unsigned char* p, size_t n, unsigned char* to, size_t size)

rl_crc_prepare()


def crc64(data not None, uint64_t start=0):
    """The checksum of bytes, going on from that of those before them."""
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    start = rl_crc64(start, <const unsigned char*>view.buf, <size_t>view.len)
    PyBuffer_Release(&view)
    return start

def compress(bytes data not None, Py_ssize_t room):
    """By LZF, if that takes at most so many bytes; else None."""
    cdef bytes out
    cdef size_t size = 0
    if room <= 0 or len(data) >= <Py_ssize_t>0xFFFFFFFF:
        return None
    out = PyBytes_FromStringAndSize(NULL, room)
    size = rl_lzf_compress(<const unsigned char*>data, <size_t>len(data), <unsigned char*>out, <size_t>room)
    return out[:size] if size else None

def expand(bytes data not None, Py_ssize_t size):
    """What LZF has made these bytes of, which were so many; None where that cannot be."""
    cdef bytes out
    if not 0 <= size <= 264 * len(data):
        return None
    out = PyBytes_FromStringAndSize(NULL, size)
    if not rl_lzf_expand(<const unsigned char*>data, <size_t>len(data), <unsigned char*>out, <size_t>size):
        return None
    return out
