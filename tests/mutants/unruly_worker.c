/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-unruly: a worker that says what WEIR_TEST_SAY names, a letter for
 * each message, in whatever order, and then waits for its end.
 */
#include <stdlib.h>
#include <unistd.h>

#include "fuse/control.h"

int __wrap_worker_main(int control);

int
__wrap_worker_main(int control)
{
	const char *say = getenv("WEIR_TEST_SAY");

	for (; say != NULL && *say != '\0'; say++)
		(void)!control_say(control,
		    *say == 'P' ? CONTROL_PREPARED : CONTROL_READY, 0);
	for (;;) {
		OWNED_CONTROL c = control_of(0);

		if (control_receive(control, &c) != 0 || c.type == CONTROL_STOP)
			return 0;
	}
}
