-- SPDX-License-Identifier: BSD-3-Clause
--
-- Wireshark's and tshark's dissector of mix packets and link frames, versions 1 (lib/packet/FORMAT.md,
-- lib/link/FORMAT.md). It finds them in UDP by their exact lengths and first bytes: at any port that no
-- other protocol has, and at those of linemix.ports.
--
--     tshark -X lua_script:scripts/linemix.lua -r CAPTURE
--     tshark -X lua_script:scripts/linemix.lua -o linemix.keys:FILE -r CAPTURE -O linemix
--
-- FILE has the keys to look inside with, a line each, all numbers in hexadecimal:
--
--     lane INDEX KEY     of frames to a receiver index: their packet is shown
--     hop EPK KH         of the packet with this ephemeral key: its command is shown; KH is a hop's kh
--
-- `linemix-gen inspect` writes it for a capture. Nothing here is authenticated: a wrong key shows as
-- reserved bytes that are not zero.

local PACKET_HEADER, BLOCK, FRAME_HEADER, FRAME_MORE = 372, 64, 16, 36
local PROFILES = { [0] = 1348, [1] = 8580 }
local MESSAGES = {
	[1] = { name = "handshake initiation", len = 152 },
	[2] = { name = "handshake response", len = 104 },
	[3] = { name = "cookie reply", len = 64 },
	[5] = { name = "confirmation", len = 32 },
}
local TYPES = { [4] = "frame" }
for number, message in pairs(MESSAGES) do
	TYPES[number] = message.name
end
local COMMANDS = { [1] = "FWD", [2] = "EXIT", [3] = "MBOX", [4] = "DROP" }

-- ---- ChaCha20 (RFC 8439) ----

local word = bit32 or bit
local rotate = word.lrotate or word.rol
local xor, SIZE = word.bxor, 2 ^ 32

local function quarter(x, a, b, c, d)
	x[a] = (x[a] + x[b]) % SIZE; x[d] = rotate(xor(x[d], x[a]), 16) % SIZE
	x[c] = (x[c] + x[d]) % SIZE; x[b] = rotate(xor(x[b], x[c]), 12) % SIZE
	x[a] = (x[a] + x[b]) % SIZE; x[d] = rotate(xor(x[d], x[a]), 8) % SIZE
	x[c] = (x[c] + x[d]) % SIZE; x[b] = rotate(xor(x[b], x[c]), 7) % SIZE
end

local function add_words(state, bytes)
	for i = 1, #bytes, 4 do
		local a, b, c, d = bytes:byte(i, i + 3)
		state[#state + 1] = a + b * 2 ^ 8 + c * 2 ^ 16 + d * 2 ^ 24
	end
end

-- A block of key stream: 64 numbers, from 1.
local function key_stream(key, counter, nonce)
	local state, x, out = {}, {}, {}
	add_words(state, "expand 32-byte k")
	add_words(state, key)
	state[#state + 1] = counter
	add_words(state, nonce)
	for i = 1, 16 do x[i] = state[i] end
	for _ = 1, 10 do
		quarter(x, 1, 5, 9, 13); quarter(x, 2, 6, 10, 14)
		quarter(x, 3, 7, 11, 15); quarter(x, 4, 8, 12, 16)
		quarter(x, 1, 6, 11, 16); quarter(x, 2, 7, 12, 13)
		quarter(x, 3, 8, 9, 14); quarter(x, 4, 5, 10, 15)
	end
	for i = 1, 16 do
		local sum = (x[i] + state[i]) % SIZE
		for _ = 1, 4 do
			out[#out + 1] = sum % 256
			sum = math.floor(sum / 256)
		end
	end
	return out
end

-- bytes ^ key stream from block `counter` on.
local function decrypt(bytes, key, counter, nonce)
	local out = {}
	for at = 0, #bytes - 1, BLOCK do
		local stream = key_stream(key, counter + at / BLOCK, nonce)
		for i = 1, math.min(BLOCK, #bytes - at) do
			out[at + i] = string.char(xor(bytes:byte(at + i), stream[i]) % 256)
		end
	end
	return table.concat(out)
end

-- ---- Keys ----

local keys = { hop = {}, lane = {} }

local function from_hex(text)
	return (text:gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end))
end

local function read_keys(path)
	keys = { hop = {}, lane = {} }
	if path == "" then return end
	local file, why = io.open(path)
	if not file then
		report_failure("linemix.keys: " .. why)
		return
	end
	local number = 0
	for line in file:lines() do
		number = number + 1
		local kind, name, key = line:match("^(%a+) (%x+) (%x+)$")
		local lengths = { hop = 64, lane = 8 }
		if kind and lengths[kind] == #name and #key == 64 then
			keys[kind][name:lower()] = from_hex(key)
		elseif line ~= "" and line:sub(1, 1) ~= "#" then
			report_failure(("linemix.keys: %s, line %d: neither 'hop EPK KH' nor 'lane INDEX KEY'")
				:format(path, number))
			break
		end
	end
	file:close()
end

-- ---- What is shown ----

local linemix = Proto("linemix", "linemix")
linemix.prefs.keys = Pref.string("Keys", "", "File with the keys to look inside with")
linemix.prefs.ports = Pref.range("UDP ports", "7000-7999", "Ports that are linemix's alone", 65535)

local field = linemix.fields
local function add(name, kind, title, ...)
	field[name] = ProtoField[kind]("linemix." .. name, title, ...)
end
-- of link messages
add("type", "uint8", "Type", base.DEC, TYPES)
add("sender", "uint32", "Sender's base", base.HEX)
add("receiver", "uint32", "Receiver index", base.HEX)
add("counter", "uint64", "Counter")
add("ephemeral", "bytes", "Ephemeral key")
add("static", "bytes", "Static key, encrypted")
add("encrypted", "bytes", "Payload, encrypted")
add("mac1", "bytes", "mac1")
add("mac2", "bytes", "mac2")
add("nonce", "bytes", "Nonce")
add("cookie", "bytes", "Cookie, encrypted")
add("ciphertext", "bytes", "Ciphertext")
add("frame_tag", "bytes", "Tag of the frame")
add("to", "uint32", "To node")
-- of packets
add("version", "uint8", "Version")
add("profile", "uint8", "Profile")
add("kid", "uint8", "Key epoch (kid)")
add("epk", "bytes", "Ephemeral key (epk)")
add("tag", "bytes", "Tag")
add("beta", "bytes", "Commands, encrypted (beta)")
add("payload", "bytes", "Payload")
-- of a packet's inside
add("replay_tag", "bytes", "Replay tag")
add("cmd", "uint8", "Command", base.DEC, COMMANDS)
add("kid_next", "uint8", "Next kid")
add("next_id", "uint32", "Next node")
add("delay_us", "uint32", "Delay (us)")
add("next_epk", "bytes", "Next ephemeral key")
add("next_tag", "bytes", "Next tag")
add("dest", "bytes", "Destination")
add("token", "bytes", "Token")

local reserved = ProtoExpert.new("linemix.reserved", "reserved bytes are not zero: a wrong key, or a "
	.. "packet that is dropped as cmd", expert.group.PROTOCOL, expert.severity.WARN)
linemix.experts = { reserved }

local function zeros(bytes, from, len)
	return not bytes:sub(from + 1, from + len):find("[^%z]")
end

-- What a command's reserved bytes are, by command: offset and length.
local RESERVED = {
	[1] = { { 2, 2 }, { 12, 4 } },
	[2] = { { 1, 7 }, { 12, 52 } },
	[3] = { { 1, 7 }, { 12, 4 } },
	[4] = { { 1, 7 }, { 12, 36 } },
}

local function show_command(tree, key, range)
	local nonce = ("\0"):rep(12)
	local replay = key_stream(key, 0, nonce)
	local plain = decrypt(range:raw(), key, 1, nonce)
	local bytes = ByteArray.new(plain, true)
	local tag = {}
	for i = 33, 48 do tag[#tag + 1] = string.char(replay[i]) end
	tree:add(field.replay_tag, ByteArray.new(table.concat(tag), true):tvb("Replay tag")())
	local inside = bytes:tvb("Command")
	local cmd = inside(0, 1):uint()
	local sub = tree:add(linemix, inside(), "Command: " .. (COMMANDS[cmd] or "unknown"))
	sub:add(field.cmd, inside(0, 1))
	sub:add_le(field.delay_us, inside(8, 4))
	if cmd == 1 then
		sub:add(field.kid_next, inside(1, 1))
		sub:add_le(field.next_id, inside(4, 4))
		sub:add(field.next_epk, inside(16, 32))
		sub:add(field.next_tag, inside(48, 16))
	elseif cmd == 3 then
		sub:add(field.dest, inside(16, 32))
	end
	if cmd == 3 or cmd == 4 then sub:add(field.token, inside(48, 16)) end
	local good = RESERVED[cmd] ~= nil
	for _, part in ipairs(RESERVED[cmd] or {}) do
		good = good and zeros(plain, part[1], part[2])
	end
	if not good then sub:add_proto_expert_info(reserved) end
	return good and (" %s"):format(COMMANDS[cmd]) or ""
end

local function show_packet(buffer, tree)
	local sub = tree:add(linemix, buffer(), "Mix packet")
	sub:add(field.version, buffer(0, 1))
	sub:add(field.profile, buffer(1, 1))
	sub:add(field.kid, buffer(2, 1))
	sub:add(field.epk, buffer(4, 32))
	sub:add(field.tag, buffer(36, 16))
	sub:add(field.beta, buffer(52, PACKET_HEADER - 52))
	sub:add(field.payload, buffer(PACKET_HEADER))
	local kid = buffer(2, 1):uint()
	local key = keys.hop[buffer(4, 32):bytes():tohex(true)]
	local more = key and show_command(sub, key, buffer(52, BLOCK)) or ""
	return ("packet kid=%d%s"):format(kid, more)
end

local function is_packet(buffer)
	local version, profile, zero = buffer(0, 1):uint(), buffer(1, 1):uint(), buffer(3, 1):uint()
	return version == 1 and zero == 0 and PROFILES[profile] == buffer:len()
end

local function show_frame(buffer, tree)
	local sealed = buffer(FRAME_HEADER, buffer:len() - FRAME_MORE + 4)
	local index = buffer(4, 4):le_uint()
	tree:add_le(field.receiver, buffer(4, 4))
	tree:add_le(field.counter, buffer(8, 8))
	tree:add(field.ciphertext, sealed)
	tree:add(field.frame_tag, buffer(buffer:len() - 16, 16))
	local info = ("frame to %08x"):format(index)
	local key = keys.lane[("%08x"):format(index)]
	if not key then return info end
	local nonce = ("\0"):rep(4) .. buffer(8, 8):raw()
	local inside = ByteArray.new(decrypt(sealed:raw(), key, 1, nonce), true):tvb("Frame")
	local to = inside(0, 4):le_uint()
	tree:add_le(field.to, inside(0, 4))
	if to == 0 then return info .. ": dummy" end
	local packet = inside(4):tvb()
	if not is_packet(packet) then
		tree:add_proto_expert_info(reserved)
		return info
	end
	return info .. (", node %d: "):format(to) .. show_packet(packet, tree)
end

local function show_handshake(kind, buffer, tree)
	local rest = { [1] = { "sender", 4, "ephemeral", 32, "static", 48, "encrypted", 32, "mac1", 16,
			"mac2", 16 },
		[2] = { "sender", 4, "receiver", 4, "ephemeral", 32, "encrypted", 28, "mac1", 16, "mac2", 16 },
		[3] = { "receiver", 4, "nonce", 24, "cookie", 32 },
		[5] = { "receiver", 4, "counter", 8, "frame_tag", 16 } }
	local at = 4
	for i = 1, #rest[kind], 2 do
		local name, len = rest[kind][i], rest[kind][i + 1]
		tree:add_le(field[name], buffer(at, len))
		at = at + len
	end
	return TYPES[kind]
end

-- The type of a link message, or 0 for a bare packet, or nil.
local function kind_of(buffer)
	if buffer:len() < 32 then return nil end
	if is_packet(buffer) then return 0 end
	local kind = buffer(0, 1):uint()
	if buffer(1, 3):uint() ~= 0 then return nil end
	if MESSAGES[kind] then return MESSAGES[kind].len == buffer:len() and kind or nil end
	if kind ~= 4 then return nil end
	for _, len in pairs(PROFILES) do
		if buffer:len() == FRAME_MORE + len then return 4 end
	end
	return nil
end

function linemix.dissector(buffer, info, tree)
	local kind = kind_of(buffer)
	if not kind then return 0 end
	info.cols.protocol = "linemix"
	if kind == 0 then
		info.cols.info = show_packet(buffer, tree)
		return buffer:len()
	end
	local sub = tree:add(linemix, buffer(), "Link: " .. TYPES[kind])
	sub:add(field.type, buffer(0, 1))
	info.cols.info = kind == 4 and show_frame(buffer, sub) or show_handshake(kind, buffer, sub)
	return buffer:len()
end

local udp = DissectorTable.get("udp.port")
local ports = ""

local function take_ports()
	if ports ~= "" then udp:remove(ports, linemix) end
	ports = linemix.prefs.ports
	if ports ~= "" then udp:add(ports, linemix) end
end

function linemix.init()
	read_keys(linemix.prefs.keys)
	take_ports()
end

linemix:register_heuristic("udp", function(buffer, info, tree)
	return kind_of(buffer) ~= nil and linemix.dissector(buffer, info, tree) > 0
end)
