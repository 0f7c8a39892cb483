/* The Python face of kernel.c, in the limited C API of 3.11. Every length and index is checked
 * here, before the kernel is entered, and that what is written overlaps nothing that is read; the
 * interpreter lock is released while it runs.
 * What each function does is said in kernel.h, what it takes in _kernel.pyi. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#include "kernel.h"

enum { MAX_ROWS = 1024, MAX_BUFFERS = 4 };

/* Buffers of one call, so that they are all released together. */
typedef struct {
    Py_buffer buffer[MAX_BUFFERS];
    int count;
} buffers;

static void release(buffers *held)
{
    while (held->count > 0) PyBuffer_Release(&held->buffer[--held->count]);
}

/* Takes `object`'s bytes, contiguous and, where asked, writable. NULL with an exception set. */
static Py_buffer *take(buffers *held, PyObject *object, int writable)
{
    Py_buffer *buffer = &held->buffer[held->count];
    if (PyObject_GetBuffer(object, buffer, writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO) < 0)
        return NULL;
    held->count++;
    return buffer;
}

static int refuse(const char *what, Py_ssize_t value, const char *relation, Py_ssize_t bound)
{
    PyErr_Format(PyExc_ValueError, "%s is %zd, must be %s %zd", what, value, relation, bound);
    return 0;
}

static int is_length(const char *what, const Py_buffer *buffer, Py_ssize_t expected)
{
    return buffer->len == expected || refuse(what, buffer->len, "exactly", expected);
}

static int are_elements(const char *what, const Py_buffer *buffer)
{
    if (buffer->len % ELEMENT == 0) return 1;
    PyErr_Format(PyExc_ValueError, "%s is %zd bytes, not whole elements of 32", what, buffer->len);
    return 0;
}

static int is_between(const char *what, Py_ssize_t value, Py_ssize_t low, Py_ssize_t high)
{
    if (value < low) return refuse(what, value, "at least", low);
    if (value > high) return refuse(what, value, "at most", high);
    return 1;
}

/* The two share no byte, so that the kernel never reads what it has already written. */
static int are_apart(const Py_buffer *a, const Py_buffer *b)
{
    uintptr_t a_start = (uintptr_t)a->buf, b_start = (uintptr_t)b->buf;
    if (a_start + (size_t)a->len <= b_start || b_start + (size_t)b->len <= a_start) return 1;
    PyErr_SetString(PyExc_ValueError, "buffers overlap");
    return 0;
}

/* Rows within bounds, and leaves for exactly that many of them over `points` points. */
static int are_rows(Py_ssize_t rows, Py_ssize_t first, Py_ssize_t last, const Py_buffer *leaves)
{
    return is_between("rows", rows, 1, MAX_ROWS) && is_between("first", first, 0, rows) &&
           is_between("last", last, first, rows) &&
           is_length("leaves", leaves, (Py_ssize_t)POINTS * ELEMENT * rows);
}

static PyObject *finish(buffers *held, int checked, int status)
{
    release(held);
    if (!checked) return NULL;
    if (status < 0) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *py_pack(PyObject *self, PyObject *args)
{
    PyObject *payload_object, *elements_object;
    buffers held = {.count = 0};
    Py_buffer *payload, *elements;
    (void)self;
    if (!PyArg_ParseTuple(args, "OO", &payload_object, &elements_object)) return NULL;
    int ok = (payload = take(&held, payload_object, 0)) && (elements = take(&held, elements_object, 1));
    ok = ok && are_elements("elements", elements) &&
         is_between("payload", payload->len, 0, elements->len / ELEMENT * PIECE) &&
         are_apart(payload, elements);
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        kernel_pack(payload->buf, (size_t)payload->len, elements->buf,
                    (size_t)elements->len / ELEMENT);
        Py_END_ALLOW_THREADS
    }
    return finish(&held, ok, 0);
}

static PyObject *py_unpack(PyObject *self, PyObject *args)
{
    PyObject *elements_object, *out_object;
    buffers held = {.count = 0};
    Py_buffer *elements, *out;
    (void)self;
    if (!PyArg_ParseTuple(args, "OO", &elements_object, &out_object)) return NULL;
    int ok = (elements = take(&held, elements_object, 0)) && (out = take(&held, out_object, 1));
    ok = ok && is_between("out", out->len, 0, elements->len / ELEMENT * PIECE) &&
         are_apart(elements, out);
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        kernel_unpack(elements->buf, out->buf, (size_t)out->len);
        Py_END_ALLOW_THREADS
    }
    return finish(&held, ok, 0);
}

static PyObject *py_first_non_canonical(PyObject *self, PyObject *elements_object)
{
    buffers held = {.count = 0};
    Py_buffer *elements = take(&held, elements_object, 0);
    (void)self;
    if (!elements) return NULL;
    Py_ssize_t found = -1;
    int ok = are_elements("elements", elements);
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        found = kernel_first_non_canonical(elements->buf, (size_t)elements->len / ELEMENT);
        Py_END_ALLOW_THREADS
    }
    release(&held);
    return ok ? PyLong_FromSsize_t(found) : NULL;
}

static PyObject *py_combine(PyObject *self, PyObject *args)
{
    PyObject *leaves_object, *gamma_object, *out_object;
    Py_ssize_t rows;
    buffers held = {.count = 0};
    Py_buffer *leaves, *gamma, *out;
    (void)self;
    if (!PyArg_ParseTuple(args, "OnOO", &leaves_object, &rows, &gamma_object, &out_object))
        return NULL;
    int ok = (leaves = take(&held, leaves_object, 0)) && (gamma = take(&held, gamma_object, 0)) &&
             (out = take(&held, out_object, 1));
    ok = ok && is_between("rows", rows, 1, MAX_ROWS) && is_length("gamma", gamma, ELEMENT) &&
         is_between("out", out->len, 0, (Py_ssize_t)POINTS * ELEMENT) &&
         are_elements("out", out) &&
         is_length("leaves", leaves, out->len * rows) && are_apart(leaves, out) &&
         are_apart(gamma, out);
    if (ok && kernel_first_non_canonical(gamma->buf, 1) >= 0) {
        PyErr_SetString(PyExc_ValueError, "gamma is not below the modulus");
        ok = 0;
    }
    int status = 0;
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        status = kernel_combine(leaves->buf, (size_t)out->len / ELEMENT, (size_t)rows, gamma->buf,
                                out->buf);
        Py_END_ALLOW_THREADS
    }
    return finish(&held, ok, status);
}

typedef int (*half)(uint8_t *leaves, size_t rows, size_t first, size_t last);

static PyObject *extend_by(PyObject *args, half function)
{
    PyObject *leaves_object;
    Py_ssize_t rows, first, last;
    buffers held = {.count = 0};
    Py_buffer *leaves;
    if (!PyArg_ParseTuple(args, "Onnn", &leaves_object, &rows, &first, &last)) return NULL;
    int ok = (leaves = take(&held, leaves_object, 1)) && are_rows(rows, first, last, leaves);
    int status = 0;
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        status = function(leaves->buf, (size_t)rows, (size_t)first, (size_t)last);
        Py_END_ALLOW_THREADS
    }
    return finish(&held, ok, status);
}

static PyObject *py_extend(PyObject *self, PyObject *args)
{
    (void)self;
    return extend_by(args, kernel_extend);
}

static PyObject *py_extend_back(PyObject *self, PyObject *args)
{
    (void)self;
    return extend_by(args, kernel_extend_back);
}

/* One byte a point, and at least half of the points known. They are copied, since the kernel's
 * bounds rest on that count and another thread may write to the caller's meanwhile. */
static int copy_known(uint8_t to[POINTS], const Py_buffer *known)
{
    if (!is_length("known", known, POINTS)) return 0;
    Py_ssize_t count = 0;
    memcpy(to, known->buf, POINTS);
    for (Py_ssize_t p = 0; p < POINTS; p++) count += to[p] != 0;
    return is_between("points known", count, DATA_POINTS, POINTS);
}

static PyObject *py_locator(PyObject *self, PyObject *args)
{
    PyObject *known_object, *table_object;
    buffers held = {.count = 0};
    Py_buffer *known, *table;
    uint8_t is_known[POINTS];
    (void)self;
    if (!PyArg_ParseTuple(args, "OO", &known_object, &table_object)) return NULL;
    int ok = (known = take(&held, known_object, 0)) && (table = take(&held, table_object, 1)) &&
             copy_known(is_known, known) &&
             is_length("table", table, (Py_ssize_t)POINTS * ELEMENT);
    int status = 0;
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        status = kernel_locator(is_known, table->buf);
        Py_END_ALLOW_THREADS
    }
    return finish(&held, ok, status);
}

static PyObject *py_recover(PyObject *self, PyObject *args)
{
    PyObject *leaves_object, *known_object, *table_object;
    Py_ssize_t rows, first, last;
    buffers held = {.count = 0};
    Py_buffer *leaves, *known, *table;
    uint8_t is_known[POINTS];
    (void)self;
    if (!PyArg_ParseTuple(args, "OnnnOO", &leaves_object, &rows, &first, &last, &known_object,
                          &table_object))
        return NULL;
    int ok = (leaves = take(&held, leaves_object, 1)) && (known = take(&held, known_object, 0)) &&
             (table = take(&held, table_object, 0)) && are_rows(rows, first, last, leaves) &&
             copy_known(is_known, known) &&
             is_length("table", table, (Py_ssize_t)POINTS * ELEMENT) && are_apart(leaves, table);
    int status = 0;
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        status = kernel_recover(leaves->buf, (size_t)rows, (size_t)first, (size_t)last, is_known,
                                table->buf);
        Py_END_ALLOW_THREADS
    }
    return finish(&held, ok, status);
}

static int can_hash;

static PyObject *py_hash(PyObject *self, PyObject *args)
{
    PyObject *data_object, *out_object;
    unsigned char prefix;
    Py_ssize_t length;
    buffers held = {.count = 0};
    Py_buffer *data, *out;
    (void)self;
    if (!PyArg_ParseTuple(args, "bOnO", &prefix, &data_object, &length, &out_object)) return NULL;
    if (!can_hash) {
        PyErr_SetString(PyExc_RuntimeError, "libcrypto was not found");
        return NULL;
    }
    int ok = (data = take(&held, data_object, 0)) && (out = take(&held, out_object, 1));
    ok = ok && is_between("length", length, 1, (Py_ssize_t)MAX_ROWS * ELEMENT) &&
         is_length("data", data, out->len / DIGEST * length) &&
         is_length("out", out, data->len / length * DIGEST) && are_apart(data, out);
    int status = 0;
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        status = kernel_hash(prefix, data->buf, (size_t)(data->len / length), (size_t)length,
                             out->buf);
        Py_END_ALLOW_THREADS
    }
    return finish(&held, ok, status);
}

static PyMethodDef methods[] = {
    {"pack", py_pack, METH_VARARGS, "payload -> elements of 31 bytes each, zeros behind"},
    {"unpack", py_unpack, METH_VARARGS, "the elements' low 31 bytes, as many as out holds"},
    {"first_non_canonical", py_first_non_canonical, METH_O, "index of an element >= r, or -1"},
    {"combine", py_combine, METH_VARARGS, "per leaf, the sum of its elements times powers of gamma"},
    {"extend", py_extend, METH_VARARGS, "parity points from data points, rows first..last-1"},
    {"extend_back", py_extend_back, METH_VARARGS, "data points from parity points"},
    {"locator", py_locator, METH_VARARGS, "the table that recover needs for a set of known points"},
    {"recover", py_recover, METH_VARARGS, "unknown points from known ones, rows first..last-1"},
    {"hash", py_hash, METH_VARARGS, "SHA-256 of a prefix byte and each run of so many bytes"},
    {NULL, NULL, 0, NULL},
};

static int fill_tables(PyObject *module)
{
    kernel_init();
    can_hash = kernel_hashing_init();
    return PyModule_AddIntConstant(module, "can_hash", can_hash);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill_tables}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_kernel",
    .m_doc = "Field arithmetic of the coding scheme; see kernel/kernel.h.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&definition); }
