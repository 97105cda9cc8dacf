/// One event of a `text/event-stream`.
struct ServerSentEvent: Sendable, Hashable {
    var name = "message"
    var data = ""
    var id: String?
}

/// Reads a `text/event-stream` piece by piece, as the HTML standard, section 9.2.6, says.
struct ServerSentEventParser: Sendable {
    private var line: [UInt8] = []
    private var event = ServerSentEvent()
    private var hasData = false

    /// Takes the next bytes and returns the events that they complete.
    mutating func receive(_ bytes: [UInt8]) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty {
                if hasData { events.append(event) }
                event = ServerSentEvent()
                hasData = false
            } else {
                take(String(decoding: line, as: UTF8.self))
            }
            line.removeAll(keepingCapacity: true)
        }
        return events
    }

    private mutating func take(_ line: String) {
        guard !line.hasPrefix(":") else { return }
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let field = parts[0]
        var value = parts.count > 1 ? parts[1] : ""
        if value.hasPrefix(" ") { value = value.dropFirst() }
        switch field {
        case "event": event.name = String(value)
        case "id": event.id = String(value)
        case "data":
            event.data += hasData ? "\n" + value : String(value)
            hasData = true
        default: break
        }
    }
}
