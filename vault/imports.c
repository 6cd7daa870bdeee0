/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/imports.h"

#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"

/*
 * What a pickle may import: what torch and numpy write to say "this is a
 * tensor".  Kept to constructors of plain data.  Left out on purpose:
 * torch.storage._load_from_bytes, which unpickles its argument; anything of
 * builtins, functools or operator that calls, looks up or imports.
 * In the order of strcmp.
 */
static const char *const allowed[] = {
	/* protocol 2 writes bytes as encode(text, 'latin1') */
	"__builtin__ bytearray",
	"__builtin__ bytes",
	"__builtin__ complex",
	"__builtin__ frozenset",
	"__builtin__ set",
	"_codecs encode",
	"builtins bytearray",
	"builtins bytes",
	"builtins complex",
	"builtins frozenset",
	"builtins set",
	"collections Counter",
	"collections OrderedDict",
	"numpy dtype",
	"numpy ndarray",
	"numpy._core.multiarray _reconstruct",
	"numpy._core.multiarray scalar",
	"numpy._core.numeric _frombuffer",
	"numpy.core.multiarray _reconstruct",
	"numpy.core.multiarray scalar",
	"numpy.core.numeric _frombuffer",
	"torch BFloat16Storage",
	"torch BoolStorage",
	"torch ByteStorage",
	"torch CharStorage",
	"torch ComplexDoubleStorage",
	"torch ComplexFloatStorage",
	"torch DoubleStorage",
	"torch FloatStorage",
	"torch HalfStorage",
	"torch IntStorage",
	"torch LongStorage",
	"torch QInt32Storage",
	"torch QInt8Storage",
	"torch QUInt2x4Storage",
	"torch QUInt4x2Storage",
	"torch QUInt8Storage",
	"torch ShortStorage",
	"torch Size",
	"torch Tensor",
	"torch bfloat16",
	"torch bool",
	"torch complex128",
	"torch complex32",
	"torch complex64",
	"torch device",
	"torch float16",
	"torch float32",
	"torch float4_e2m1fn_x2",
	"torch float64",
	"torch float8_e4m3fn",
	"torch float8_e4m3fnuz",
	"torch float8_e5m2",
	"torch float8_e5m2fnuz",
	"torch float8_e8m0fnu",
	"torch int16",
	"torch int32",
	"torch int64",
	"torch int8",
	"torch per_channel_affine",
	"torch per_channel_affine_float_qparams",
	"torch per_channel_symmetric",
	"torch per_tensor_affine",
	"torch per_tensor_symmetric",
	"torch qint32",
	"torch qint8",
	"torch quint2x4",
	"torch quint4x2",
	"torch quint8",
	"torch uint16",
	"torch uint32",
	"torch uint64",
	"torch uint8",
	"torch._tensor _rebuild_from_type_v2",
	"torch._utils _rebuild_device_tensor_from_cpu_tensor",
	"torch._utils _rebuild_device_tensor_from_numpy",
	"torch._utils _rebuild_meta_tensor_no_storage",
	"torch._utils _rebuild_parameter",
	"torch._utils _rebuild_parameter_with_state",
	"torch._utils _rebuild_qtensor",
	"torch._utils _rebuild_sparse_tensor",
	"torch._utils _rebuild_tensor",
	"torch._utils _rebuild_tensor_v2",
	"torch._utils _rebuild_tensor_v3",
	"torch._utils _rebuild_wrapper_subclass",
	"torch.nn.parameter Parameter",
	"torch.serialization _get_layout",
	"torch.storage TypedStorage",
	"torch.storage UntypedStorage",
	"torch.storage _TypedStorage",
	"torch.storage _UntypedStorage",
};

static int
compare_names(const void *va, const void *vb)
{
	const char *const *b = vb;

	return strcmp(va, *b);
}

bool
imports_allowed(const char *import)
{
	return bsearch(import, allowed, sizeof(allowed) / sizeof(allowed[0]),
		   sizeof(allowed[0]), compare_names) != NULL;
}

/* Where in the sorted names this one stands or should. */
static size_t
find_place(const struct model_imports *i, const char *name, bool *there)
{
	size_t low = 0, high = i->count;

	*there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, i->names[middle]);

		if (order == 0)
			*there = true;
		if (order <= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int
imports_add(struct model_imports *i, const char *import)
{
	OWNED_MEM(char) name = NULL;
	OWNED_MEM(char) first = NULL;
	char shown[IMPORTS_SIZE];
	bool refused = !imports_allowed(import), there;
	size_t at;
	void *names;

	log_name(shown, sizeof(shown), import, strlen(import));
	at = find_place(i, shown, &there);
	if (there)
		return 0;
	if (i->count == IMPORTS_MAX)
		return ERR_LIMIT;
	names = reallocarray(i->names, i->count + 1, sizeof(*i->names));
	if (names == NULL)
		return ERR_NOMEM;
	i->names = names;
	name = strdup(shown);
	first = strdup(shown);
	if (name == NULL || first == NULL)
		return ERR_NOMEM;

	memmove(i->names + at + 1, i->names + at,
	    (i->count - at) * sizeof(*i->names));
	i->names[at] = name;
	name = NULL;
	i->count++;
	i->refused += refused;
	if (refused && i->first_refused == NULL) {
		i->first_refused = first;
		first = NULL;
	}
	return 0;
}
