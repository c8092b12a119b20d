/*
 * The helper's environment is empty, so what the sanitizers should do is built in. Leaks are not
 * looked for: that needs ptrace, which the box takes away.
 */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0:symbolize=0:abort_on_error=1:handle_segv=1";
}

const char *__ubsan_default_options(void)
{
	return "halt_on_error=1:print_stacktrace=0";
}
