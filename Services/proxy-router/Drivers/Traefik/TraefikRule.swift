/// The rule syntax of Traefik 3: matchers with quoted arguments, `&&`, `||`, `!` and parentheses.
struct TraefikRule {
    struct Fault: Error, Sendable, Hashable {
        let detail: String
    }

    /// How many arguments each matcher takes.
    static let http: [String: ClosedRange<Int>] = [
        "Host": 1...1, "HostRegexp": 1...1, "Path": 1...1, "PathPrefix": 1...1, "PathRegexp": 1...1, "Method": 1...1,
        "ClientIP": 1...1, "Header": 2...2, "HeaderRegexp": 2...2, "Query": 1...2, "QueryRegexp": 1...2,
    ]
    static let tcp: [String: ClosedRange<Int>] = [
        "HostSNI": 1...1, "HostSNIRegexp": 1...1, "ClientIP": 1...1, "ALPN": 1...1,
    ]

    static func check(_ rule: String, _ matchers: [String: ClosedRange<Int>]) throws(Fault) {
        var parser = TraefikRule(rest: rule[...], matchers: matchers)
        try parser.expression()
        guard parser.peek() == nil else { throw Fault(detail: "the rule goes on with “\(parser.rest)” after its end") }
    }

    fileprivate var rest: Substring
    fileprivate let matchers: [String: ClosedRange<Int>]

    private mutating func peek() -> Character? {
        rest = rest.drop { $0 == " " }
        return rest.first
    }

    private mutating func take(_ text: String) -> Bool {
        _ = peek()
        guard rest.hasPrefix(text) else { return false }
        rest = rest.dropFirst(text.count)
        return true
    }

    private mutating func expression() throws(Fault) {
        try operand()
        while take("&&") || take("||") { try operand() }
    }

    private mutating func operand() throws(Fault) {
        if take("!") { return try operand() }
        if take("(") {
            try expression()
            guard take(")") else { throw Fault(detail: "a parenthesis is not closed") }
            return
        }
        _ = peek()
        let name = rest.prefix { $0.isLetter }
        guard let count = matchers[String(name)] else {
            throw Fault(detail: name.isEmpty ? "a matcher is missing" : "there is no matcher “\(name)”")
        }
        rest = rest[name.endIndex...]
        guard take("(") else { throw Fault(detail: "“\(name)” has no arguments") }
        var arguments: [Substring] = [try argument(of: name)]
        while take(",") { arguments.append(try argument(of: name)) }
        guard take(")") else { throw Fault(detail: "the arguments of “\(name)” are not closed") }
        guard count.contains(arguments.count) else {
            throw Fault(detail: "“\(name)” has \(arguments.count) arguments; join several with ||")
        }
        if name == "Host" || name == "HostSNI", arguments[0].contains(where: { $0 == "/" || $0 == " " }) {
            throw Fault(detail: "“\(arguments[0])” is not a host")
        }
        if name.hasPrefix("Path"), name != "PathRegexp", !arguments[0].hasPrefix("/") {
            throw Fault(detail: "the path “\(arguments[0])” does not begin with a slash")
        }
    }

    private mutating func argument(of name: Substring) throws(Fault) -> Substring {
        guard let quote = peek(), quote == "`" || quote == "\"" else {
            throw Fault(detail: "an argument of “\(name)” is not in backticks or double quotes")
        }
        rest.removeFirst()
        guard let end = rest.firstIndex(of: quote) else {
            throw Fault(detail: "an argument of “\(name)” is not closed")
        }
        let argument = rest[..<end]
        rest = rest[rest.index(after: end)...]
        guard !argument.isEmpty else { throw Fault(detail: "an argument of “\(name)” is empty") }
        return argument
    }
}
