// SPDX-License-Identifier: BSD-3-Clause
// Draws what /state.json says, once an interval, and the curves from /history.json. Whatever comes
// is put into the page as text, never as markup.
"use strict";

const POINTS = 300;
const SVG = "http://www.w3.org/2000/svg";
const by = (id) => document.getElementById(id);
let past = {}, shown = decodeURIComponent(location.hash.slice(1)), last = null, failures = 0;

// ---- Words ----

const whole = (n) => n === null || n === undefined ? "–" : Math.round(n).toLocaleString("en");

function short(n) {
	if (n === null || n === undefined)
		return "–";
	for (const [unit, size, from] of [["T", 1e12, 1e12], ["G", 1e9, 1e9], ["M", 1e6, 1e6], ["k", 1e3, 1e4]])
		if (n >= from * 0.9995)
			return `${Number((n / size).toPrecision(3)).toLocaleString("en")} ${unit}`;
	return n > 0 && n < 9.95 ? n.toFixed(1) : whole(n);
}

function time(seconds) {
	const s = Math.max(0, Math.round(seconds)), h = Math.floor(s / 3600);
	if (s >= 172800)
		return `${Math.floor(s / 86400)} days`;
	const rest = `${String(Math.floor(s / 60) % 60).padStart(h ? 2 : 1, "0")}:${String(s % 60).padStart(2, "0")}`;
	return h ? `${h}:${rest} h` : `${rest} min`;
}

const percent = (share) => share === null ? "–" : `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;

// ---- Elements ----

function put(id, text) {
	const element = by(id);
	if (element.textContent !== text)
		element.textContent = text;
}

function make(name, attributes = {}, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(attributes))
		element.setAttribute(key, value);
	element.append(...children);
	return element;
}

function draw(name, attributes = {}, text) {
	const element = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes))
		element.setAttribute(key, value);
	if (text !== undefined)
		element.textContent = text;
	return element;
}

// The mark of a state: a shape each, so that colour is not needed to tell them apart.
function mark(state) {
	const svg = draw("svg", {viewBox: "-6 -6 12 12", "aria-hidden": "true"});
	if (state === "ok")
		svg.append(draw("circle", {r: 4.5, class: "up"}));
	else if (state === "bad")
		svg.append(draw("path", {class: "down", d: "M-4-4L4 4M-4 4L4-4"}));
	else
		svg.append(draw("path", {class: "careful", d: "M0-5L5.5 4.5H-5.5Z"}));
	return svg;
}

function bar(label, share, text, words, long = false, warn = false) {
	const inner = make("i"), meter = make("div", {class: warn ? "meter warn" : "meter", role: "img",
		"aria-label": words}, inner);
	inner.style.width = `${Math.min(100, Math.max(0, 100 * (share || 0)))}%`;
	return make("div", {class: long ? "bar long" : "bar"}, make("span", {}, label), meter, make("b", {}, text));
}

// ---- Curves ----

function ceiling(most) {
	const size = 10 ** Math.floor(Math.log10(Math.max(most, 4)));
	return [1, 2, 4, 5, 8, 10].map((n) => n * size).find((n) => n >= most);
}

// A path through the points that are known; gaps stay gaps.
function path(points, x, y) {
	let d = "", pen = false;
	points.forEach((value, i) => {
		if (value !== null)
			d += `${pen ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
		pen = value !== null;
	});
	return d;
}

function area(points, x, y) {
	let d = "", from = -1;
	[...points, null].forEach((value, i) => {
		if (value !== null && from < 0)
			from = i;
		if (value === null && from >= 0) {
			d += path(points.slice(from, i), (j) => x(from + j), y);
			d += `L${x(i - 1).toFixed(1)} ${y(0)}L${x(from).toFixed(1)} ${y(0)}Z`;
			from = -1;
		}
	});
	return d;
}

function chart(id, series, name, interval) {
	const box = by(id), width = box.clientWidth, height = box.clientHeight;
	const left = 46, bottom = 20, top = 6;
	const length = Math.max(60, ...series.map((one) => one.points.length));
	const known = series.flatMap((one) => one.points).filter((value) => value !== null);
	const most = ceiling(Math.max(0, ...known) * 1.05);
	const x = (i, n) => left + (width - left) * (length - n + i) / (length - 1);
	const y = (value) => height - bottom - (height - bottom - top) * value / most;
	const now = series.map((one) => `${one.name} ${short(one.points.at(-1))}`).join(", ");
	const svg = draw("svg", {viewBox: `0 0 ${width} ${height}`, role: "img",
		"aria-label": `${name} over the last ${time(length * interval)}: now ${now}; at most ${short(Math.max(0, ...known))}`});

	for (const part of [0, 0.5, 1]) {
		svg.append(draw("path", {class: "grid", d: `M${left} ${y(most * part)}H${width}`}));
		svg.append(draw("text", {x: left - 8, y: y(most * part) + 4, "text-anchor": "end"}, short(most * part)));
	}
	svg.append(draw("text", {x: left, y: height - 3}, `${time(length * interval)} ago`));
	svg.append(draw("text", {x: width, y: height - 3, "text-anchor": "end"}, "now"));
	for (const one of series) {
		const at = (i) => x(i, one.points.length);
		if (one.area)
			svg.append(draw("path", {class: `area ${one.kind}`, d: area(one.points, at, y)}));
		svg.append(draw("path", {class: one.kind, d: path(one.points, at, y)}));
	}
	box.replaceChildren(svg);
}

function curves(relay, interval) {
	const points = past[relay.name] || {};
	const of = (name) => points[name] || [];
	chart("flow", [{name: "received", points: of("received"), kind: "c-in", area: true},
		{name: "sent on", points: of("sent"), kind: "c-out"}], "Packets a second", interval);
	chart("held", [{name: "held", points: of("held"), kind: "c-held", area: true}], "Packets held", interval);
	chart("dropped", [{name: "dropped", points: of("dropped"), kind: "c-drop", area: true}],
		"Packets dropped a second", interval);
}

// ---- The network ----

const MOST = 12;

// The columns of the picture: gateways, layers, gateways again; what each node's dot is.
function columns(relay) {
	const layers = relay.layers, self = relay.layer, all = [...layers.keys(), 0];
	return all.map((layer, place) => {
		const {nodes, links, up} = layers[layer], n = Math.min(nodes, MOST);
		const here = layer === self, dots = Array(n).fill(links ? "up" : "far");
		if (links)
			dots.fill("down", Math.max(0, Math.min(n - Math.min(links - up, n), up)));
		if (here)
			dots[Math.floor((n - 1) / 2)] = "self";
		return {layer, place, nodes, links, up, here, dots};
	});
}

const title = (column) => column.layer === 0 ? "gateways" : `layer ${column.layer}`;

function health(column) {
	if (column.links)
		return `${whole(column.up)} of ${whole(column.links)} reached`;
	return column.here ? "this relay's" : "not seen from here";
}

function dot(kind, [x, y]) {
	const group = draw("g", {transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`});
	if (kind === "self")
		group.append(draw("circle", {r: 16, class: "halo"}), draw("circle", {r: 9, class: "self"}));
	else if (kind === "down")
		group.append(draw("path", {class: "down", d: "M-5-5L5 5M-5 5L5-5"}));
	else
		group.append(draw("circle", {r: kind === "up" ? 6 : 5, class: kind}));
	return group;
}

// From this relay's dot to all of the next column; of the one before, to this relay's.
function links(svg, spots, from, to, flows, tall) {
	from.dots.forEach((a, i) => to.dots.forEach((b, j) => {
		if ((a === "self") === (b === "self") || ![a, b].every((kind) => kind !== "far"))
			return;
		const [x, y] = spots[from.place][i], [u, v] = spots[to.place][j];
		const d = tall ? `M${x} ${y}C${x} ${(y + v) / 2} ${u} ${(y + v) / 2} ${u} ${v}`
			: `M${x} ${y}C${(x + u) / 2} ${y} ${(x + u) / 2} ${v} ${u} ${v}`;
		const off = a === "down" || b === "down";
		svg.append(draw("path", {class: off ? "link off" : "link", d}));
		if (!off && flows)
			svg.append(draw("path", {class: "link flow", d}));
	}));
}

function places(all, width, height, tall) {
	const step = (tall ? height : width) / all.length;
	return all.map((column, c) => column.dots.map((kind, i) => {
		const along = step * (c + 0.5), n = column.dots.length;
		if (tall)
			return [124 + (width - 140) * (n > 1 ? i / (n - 1) : 0.5), along];
		return [along, 18 + (height - 78) * (n > 1 ? i / (n - 1) : 0.5)];
	}));
}

function network(relay) {
	const box = by("network"), width = box.clientWidth, height = box.clientHeight;
	const tall = width < 620, all = columns(relay), spots = places(all, width, height, tall);
	const words = all.slice(0, -1).map((one) => `${title(one)}: ${one.nodes} nodes, ${health(one)}`);
	const svg = draw("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words.join("; ")});

	for (let i = 0; i + 1 < all.length; i++)
		links(svg, spots, all[i], all[i + 1], relay.point.received > 0, tall);
	for (const column of all) {
		const middle = (tall ? height : width) / all.length * (column.place + 0.5);
		const at = tall ? {x: 0, y: middle - 4} : {x: middle, y: height - 24, "text-anchor": "middle"};
		const more = column.nodes > MOST ? ` (${MOST} drawn)` : "";
		column.dots.forEach((kind, i) => svg.append(dot(kind, spots[column.place][i])));
		svg.append(draw("text", {...at, class: "strong"}, tall ? title(column) : `${title(column)} · ${whole(column.nodes)}${more}`));
		svg.append(draw("text", {...at, y: at.y + 17, class: column.up < column.links ? "bad" : ""},
			tall && !column.links ? `${whole(column.nodes)} nodes` : health(column)));
	}
	box.replaceChildren(svg);
	put("down", relay.downs ? `Not reached: ${relay.down.map((id) => `node ${id}`).join(", ")}` +
		(relay.downs > relay.down.length ? ` and ${relay.downs - relay.down.length} more` : "") : "");
}

// ---- What is wrong ----

const ALARMS = {
	topology: ["", "the topology ends soon and no next one is there",
		"the topology has ended: the next epoch goes on by it",
		"the topology ended an epoch ago: no key changes any more"],
	clock: ["", "this machine's clock is off", "this machine's clock shares no epoch with the network"],
	disk: ["", "the disk is full: documents and keys cannot be written"],
};
// Alarms that count: rising ones are wrong now.
const EVENTS = {loop_loss: "own loops are lost", replay_full: "a replay set is full",
	low_mtu: "a link has too small an MTU", padding: "padded links fall behind their rate",
	books: "the books did not close: a defect, please report it"};

const events = {};

function wrong(relay, now) {
	const list = [];
	if (!relay.up)
		return [["bad", `${relay.name} does not answer: ${relay.why}`]];
	for (const [name, words] of Object.entries(ALARMS))
		if (relay.alarms[name] > 0)
			list.push([relay.alarms[name] > 1 ? "bad" : "warn", words[relay.alarms[name]] || name]);
	for (const [name, words] of Object.entries(EVENTS)) {
		const key = `${relay.name} ${name}`, seen = events[key] || {value: relay.alarms[name], at: -Infinity};
		if (relay.alarms[name] > seen.value)
			seen.at = now;
		seen.value = relay.alarms[name];
		events[key] = seen;
		if (now - seen.at < 60 || (name === "books" && seen.value > 0))
			list.push([name === "books" ? "bad" : "warn", words]);
	}
	if (relay.loop_verdict === "pause")
		list.push(["bad", "own loops do not come back: mixing is paused"]);
	else if (relay.loop_verdict === "warn")
		list.push(["warn", "too many own loops are lost"]);
	if (relay.downs > 0)
		list.push(["warn", relay.downs === 1 ? `node ${relay.down[0]} is not reached`
			: `${whole(relay.downs)} neighbours are not reached`]);
	else if (relay.ready !== 1)
		list.push(["warn", "not every next hop can be sent to"]);
	return list;
}

const worst = (list) => list.some(([kind]) => kind === "bad") ? "bad" : list.length ? "warn" : "ok";

// ---- The page ----

function relays(state) {
	const nav = by("relays");
	if (nav.children.length !== state.relays.length)
		nav.replaceChildren(...state.relays.map((relay) => {
			const button = make("button", {type: "button"});
			button.addEventListener("click", () => {
				shown = relay.name;
				history.replaceState(null, "", `#${encodeURIComponent(shown)}`);
				show(last);
			});
			return button;
		}));
	state.relays.forEach((relay, i) => {
		const button = nav.children[i], kind = worst(relay.wrong);
		const words = {ok: "well", warn: "with warnings", bad: "in trouble"}[kind];
		if (button.dataset.kind !== kind) {
			button.replaceChildren(mark(kind), relay.name);
			button.dataset.kind = kind;
			button.setAttribute("aria-label", `${relay.name}, ${words}`);
		}
		if (relay.name === shown)
			button.setAttribute("aria-current", "true");
		else
			button.removeAttribute("aria-current");
	});
}

function tiles(relay) {
	const {point, books} = relay;
	const busiest = relay.lcores.reduce((a, b) => b.busy > a.busy ? b : a, {busy: -1});
	put("t-received", short(point.received));
	put("t-received-total", `${short(books.received.total)} since start`);
	put("t-sent", short(point.sent));
	put("t-sent-total", `${short(books.sent.total + books.delivered.total)} since start`);
	put("t-dropped", short(point.dropped));
	put("t-dropped-total", `${short(books.dropped.total)} since start`);
	put("t-held", short(relay.held));
	put("t-held-room", relay.held_room ? `${percent(relay.held / relay.held_room)} of its room` : "");
	put("t-busy", point.busy === null ? "–" : percent(point.busy / 100));
	put("t-busy-cpu", busiest.busy >= 0 ? `CPU ${busiest.cpu}; ${relay.lcores.length} poll` : "");
}

function cores(relay) {
	by("cores").replaceChildren(...relay.lcores.map(({cpu, busy}) => bar(`CPU ${cpu}`, busy, percent(busy),
		`CPU ${cpu}: ${busy === null ? "not known" : percent(busy)} busy`, false, busy > 0.9)));
	if (relay.lcores.length === 0)
		by("cores").replaceChildren(make("p", {class: "small"}, "No polling lcore is known."));
}

function epoch(relay, now) {
	const {epoch_from_s: from, epoch_until_s: until} = relay, known = from !== null && until > from;
	const share = known ? (now - from) / (until - from) : 0, inner = make("i");
	inner.style.width = `${Math.min(100, 100 * share)}%`;
	put("epoch", known || relay.epoch !== null ? `epoch ${relay.epoch}` : "–");
	put("epoch-left", known ? `ends in ${time(until - now)}` : "");
	by("epoch-bar").setAttribute("aria-label", known ? `${percent(share)} of the epoch has passed` : "not known");
	by("epoch-bar").replaceChildren(inner);
	by("sets").replaceChildren(...Object.entries(relay.sets).map(([name, {tags, room}]) =>
		bar(name, tags / room, `${short(tags)} of ${short(room)}`,
			`replay set of the ${name} epoch: ${percent(tags / room)} full`, true, tags > 0.8 * room)));
}

function row(...cells) {
	return make("tr", {}, ...cells.map((cell, i) => make("td", i ? {class: "n"} : {}, ...[cell].flat())));
}

function drops(relay) {
	const list = [...relay.drops].sort((a, b) => b.rate - a.rate || b.total - a.total);
	by("drops").replaceChildren(...list.map(({reason, meaning, rate, total}) =>
		row([reason, make("span", {}, meaning)], short(rate), short(total))));
	if (list.length === 0)
		by("drops").replaceChildren(row("nothing was dropped", "", ""));
}

function more(relay) {
	const {books, alarms} = relay, loops = books.loops_back.total + books.loops_lost.total;
	const links = relay.links ? `${whole(relay.links_up)} of ${whole(relay.links)}` : "links have none";
	by("more").replaceChildren(
		row("own loops that came back", loops ? `${(100 * books.loops_back.total / loops).toFixed(2)} %` : "none sent"),
		row("sessions up", links),
		row("frames missed by the NIC", short(books.rx_missed.total)),
		row("links on a second-best address", whole(relay.links_second_best)),
		row("clock, against neighbours'", relay.clock_heard ? `${relay.clock_offset_ms} ms` : "not known"),
		row("strategy", relay.strategy || "–"),
		row("books", alarms.books === 0 ? "close" : "did not close"),
		row("up", time(relay.uptime_us / 1e6)));
}

function show(state) {
	if (!state.relays.some((relay) => relay.name === shown))
		shown = state.relays[0].name;
	const relay = state.relays.find((one) => one.name === shown);

	relays(state);
	by("banner").className = `banner ${worst(relay.wrong)}`;
	const role = relay.role === "gateway" ? "gateway" : `mix of layer ${relay.layer}`;
	put("banner", relay.wrong.length ? relay.wrong.map(([, words]) => words).join("; ")
		: `${relay.name} is well: ${role}, node ${relay.node}`);
	by("figures").classList.toggle("old", !relay.up);
	put("version", `linemix ${relay.version || state.version}`);
	document.title = `${worst(relay.wrong) === "ok" ? "" : "! "}${relay.name} · linemix`;
	if (!relay.up)
		return;
	by("figures").hidden = false;
	tiles(relay);
	cores(relay);
	epoch(relay, state.time);
	drops(relay);
	more(relay);
	if (relay.layers.length)
		network(relay);
	curves(relay, state.interval);
}

// ---- The data ----

async function get(path) {
	const answer = await fetch(path, {cache: "no-store", signal: AbortSignal.timeout(5000)});
	if (!answer.ok)
		throw new Error(`${path}: ${answer.status}`);
	return answer.json();
}

function remember(state) {
	for (const relay of state.relays) {
		const points = past[relay.name] ||= {};
		for (const [name, value] of Object.entries(relay.point)) {
			const list = points[name] ||= [];
			list.push(value);
			if (list.length > POINTS)
				list.shift();
		}
	}
}

async function turn() {
	try {
		const state = await get("/state.json");
		if (!last || failures > 0 || state.time - last.time > 3 * state.interval + 2)
			past = (await get("/history.json")).relays;
		else if (state.round !== last.round)
			remember(state);
		for (const relay of state.relays)
			relay.wrong = wrong(relay, state.time);
		failures = 0;
		last = state;
		by("live").className = "live on";
		put("when", new Date(state.time * 1000).toLocaleTimeString("en-GB"));
		show(state);
	} catch (error) {
		failures++;
		by("live").className = "live";
		by("figures").classList.add("old");
		by("banner").className = "banner bad";
		put("banner", "The exporter does not answer; what is shown is old.");
	}
	const pause = 1000 * (last ? last.interval : 1) * Math.min(8, 2 ** failures);
	setTimeout(turn, document.hidden ? Math.max(pause, 5000) : pause);
}

new ResizeObserver(() => last && show(last)).observe(by("main"));
turn();
