/// The head of a request to the engine, as its client wrote it (RFC 9112).
struct EngineRequest: Sendable, Hashable {
    static let maximumBytes = 65_536

    let method: String
    /// With its version and its query.
    let target: String
    /// As they came, without those that this hop decides about.
    private let headers: [String]
    private let upgrade: String?

    /// - Parameter head: everything up to the empty line, without it.
    /// - Returns: nil for what is no request, or could be read in two ways.
    init?(_ head: String) {
        guard !head.utf8.contains(0) else { return nil }
        // As bytes: to Swift a carriage return with its line feed is one character.
        var lines = head.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        for (index, line) in lines.enumerated() {
            let isLast = index == lines.count - 1
            guard line.utf8.last == UInt8(ascii: "\r") || isLast else { return nil }
            if line.utf8.last == UInt8(ascii: "\r") { lines[index] = String(Substring(line.utf8.dropLast())) }
            guard !lines[index].utf8.contains(UInt8(ascii: "\r")) else { return nil }
        }
        let first = lines.removeFirst().split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard first.count == 3, first[2] == "HTTP/1.1", first[1].hasPrefix("/"), !first[0].isEmpty else { return nil }
        method = first[0]
        target = first[1]
        var headers: [String] = []
        var upgrade: String?
        for line in lines {
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex, line.first?.isWhitespace == false
            else { return nil }
            let name = line[..<colon].lowercased()
            guard name.last != " ", name.last != "\t" else { return nil }
            switch name {
            case "host", "connection", "keep-alive", "proxy-connection": break
            case "upgrade":
                upgrade = line[line.index(after: colon)...].trimmingPrefix(while: \.isWhitespace).description
            default: headers.append(line)
            }
        }
        self.headers = headers
        self.upgrade = upgrade
    }

    /// Without version and query: `/containers/json`.
    var path: String {
        let path = target.prefix { $0 != "?" && $0 != "#" }
        let segments = path.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).dropFirst()
        guard let rest = segments.first else { return String(path) }
        let version = rest.prefix { $0 != "/" }
        let isVersion =
            version.first == "v" && version.count > 1
            && version.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
        return isVersion ? String(rest.dropFirst(version.count)) : String(path)
    }

    var isAllowed: Bool { EngineRules.allow(method, path) }

    /// What the engine is sent, with the empty line. One request is all that a connection carries: the engine closes it
    /// after its answer, or speaks another protocol from then on, so that nothing follows that was not looked at.
    var forwarded: String {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: docker"] + headers
        if let upgrade, EngineRules.becomesAnotherProtocol(method, path) {
            lines += ["Connection: Upgrade", "Upgrade: \(upgrade)"]
        } else {
            lines.append("Connection: close")
        }
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }
}
