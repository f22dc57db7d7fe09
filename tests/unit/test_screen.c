/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A screen never has more lines or columns than its terminal; and what --top draws of relays that
 * tell little, or much.
 */
#include "screen.h"
#include "testing.h"
#include "top_draw.h"

static char *text;
static size_t len;

static struct screen open_screen(unsigned width, unsigned height)
{
	struct screen screen = {.width = width, .height = height};

	screen.to = open_memstream(&text, &len);
	assert_non_null(screen.to);
	screen_begin(&screen);
	return screen;
}

static void close_screen(struct screen *screen)
{
	screen_end(screen);
	fclose(screen->to);
}

static void a_line_is_cut_at_the_width(void **state)
{
	struct screen screen = open_screen(5, 3);

	(void)state;
	screen_put(&screen, SCREEN_PLAIN, "abc");
	screen_put(&screen, SCREEN_PLAIN, "defg");
	screen_put(&screen, SCREEN_PLAIN, "h");
	screen_line(&screen);
	close_screen(&screen);
	assert_string_equal(text, "\033[Habcde\033[K\r\n\033[J");
	free(text);
}

static void lines_stop_at_the_height(void **state)
{
	struct screen screen = open_screen(9, 2);

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		screen_put(&screen, SCREEN_PLAIN, "%u", i);
		screen_line(&screen);
	}
	close_screen(&screen);
	assert_string_equal(text, "\033[H0\033[K\r\n1\033[K");
	free(text);
}

static void bars_are_full_by_their_share(void **state)
{
	struct screen screen = open_screen(80, 9);

	(void)state;
	screen_bar(&screen, 0.5, 4);
	screen_bar(&screen, -1, 2);
	screen_bar(&screen, 7, 2);
	close_screen(&screen);
	assert_non_null(strstr(text, "[||..][..]["));
	assert_non_null(strstr(text, "||"));
	free(text);
}

static void colour_only_where_wanted(void **state)
{
	struct screen screen = open_screen(80, 9);

	(void)state;
	screen_put(&screen, SCREEN_BAD, "a");
	screen.colour = true;
	screen_put(&screen, SCREEN_BAD, "b");
	close_screen(&screen);
	assert_string_equal(text, "\033[H\033[1ma\033[0m\033[31mb\033[0m\033[J");
	free(text);
}

static void draw(const struct collect *relay, unsigned width, unsigned height)
{
	struct screen screen = open_screen(width, height);
	struct top_view view = {.relay = &relay, .n = relay ? 1 : 0, .wall_s = 100};

	top_draw(&screen, &view);
	fclose(screen.to);
}

static void a_relay_that_tells_little_is_drawn(void **state)
{
	static struct collect relay = {.name = "r", .up = true, .rounds = 1};

	(void)state;
	draw(&relay, 100, 40);
	assert_non_null(strstr(text, "not ready"));
	assert_null(strstr(text, "CPU"));
	free(text);
	relay = (struct collect){.name = "r", .why = {"says nothing"}};
	draw(&relay, 100, 40);
	assert_non_null(strstr(text, "says nothing"));
	free(text);
	draw(NULL, 100, 40);
	assert_non_null(strstr(text, "no relay answers"));
	free(text);
}

static void a_relay_that_tells_the_most_is_drawn_at_any_size(void **state)
{
	static struct collect relay;

	(void)state;
	memset(relay.now.value, 0xff, sizeof(relay.now.value));
	memset(relay.now.drop, 0xff, sizeof(relay.now.drop));
	memset(relay.now.layer, 0xff, sizeof(relay.now.layer));
	memset(relay.now.down, 0xff, sizeof(relay.now.down));
	relay.now.downs = UINT32_MAX;
	relay.now.set[READING_CURRENT].there = true;
	memset(relay.name, 'n', COLLECT_NAME);
	relay.name[COLLECT_NAME] = '\0';
	relay.up = true;
	relay.rounds = 2;
	for (unsigned i = 0; i < READING_VALUES; i++)
		relay.now.has[i] = relay.before.has[i] = true;
	relay.now.value[READING_LAYERS] = LM_TOPOLOGY_LAYERS;
	relay.now.cpus = relay.before.cpus = READING_CPUS;
	memcpy(relay.now.verdict, "pause", 6);
	memcpy(relay.now.role, "mix", 4);
	for (unsigned size = 1; size < 300; size += 13) {
		unsigned lines = 0;

		draw(&relay, size, size);
		for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
			lines++;
		assert_true(lines < size);
		free(text);
	}
}

static void nothing_falls_apart_on_a_terminal_of_one_cell(void **state)
{
	struct screen screen = open_screen(1, 1);

	(void)state;
	screen_tab(&screen, 40);
	screen_bar(&screen, 1, 1000);
	screen_line(&screen);
	screen_line(&screen);
	close_screen(&screen);
	assert_string_equal(text, "\033[H \033[K");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_cut_at_the_width),
		cmocka_unit_test(lines_stop_at_the_height),
		cmocka_unit_test(bars_are_full_by_their_share),
		cmocka_unit_test(colour_only_where_wanted),
		cmocka_unit_test(a_relay_that_tells_little_is_drawn),
		cmocka_unit_test(a_relay_that_tells_the_most_is_drawn_at_any_size),
		cmocka_unit_test(nothing_falls_apart_on_a_terminal_of_one_cell),
	};

	return RUN_TESTS(tests);
}
