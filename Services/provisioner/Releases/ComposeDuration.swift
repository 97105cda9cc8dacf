extension Duration {
    /// As Compose writes it: `1m30s`, `500ms`, `2h0m0s` (https://docs.docker.com/reference/compose-file/extension/#specifying-durations).
    /// Nil for what is none.
    init?(compose text: String) {
        let units: [String: Duration] = [
            "us": .microseconds(1), "µs": .microseconds(1), "ms": .milliseconds(1), "s": .seconds(1), "m": .seconds(60),
            "h": .seconds(3600), "ns": .nanoseconds(1),
        ]
        var rest = Substring(text)
        var sum = Duration.zero
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { !$0.isNumber && $0 != "." }
            rest = rest.dropFirst(letters.count)
            guard let number = Double(digits), let unit = units[String(letters)] else { return nil }
            sum += unit * number
        }
        self = sum
    }
}
