-- Clicks each token once; what got its 302 is written down by the number in its
-- Location, all else by its status.  Arguments: a file with a token a line, a prefix for
-- what is written, milliseconds between two requests of a connection, how many threads.
local files = 0

function setup(thread)
	thread:set("id", files)
	files = files + 1
end

function init(args)
	local n = 0
	paths, at, pause = {}, 0, tonumber(args[3])
	for line in io.lines(args[1]) do
		if n % tonumber(args[4]) == id then paths[#paths + 1] = line end
		n = n + 1
	end
	out = io.open(args[2] .. "." .. id, "w")
	out:setvbuf("no")
	wrk.headers["Host"] = "t.example.com"
	wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
end

function request()
	at = at + 1
	return wrk.format("GET", "/c/" .. (paths[at] or "none"))
end

function delay()
	return pause
end

function response(status, headers)
	local number = status == 302 and string.match(headers["Location"] or "", "#(%d+)$")
	out:write(number and number .. "\n" or "!" .. status .. "\n")
end
