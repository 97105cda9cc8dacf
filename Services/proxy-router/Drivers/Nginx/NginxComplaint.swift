import LabCore

/// What `nginx -t` says against a configuration, and which routes it says it of.
struct NginxComplaint: Sendable {
    /// nginx's own sentence.
    let message: String
    /// Empty when no single route is to blame.
    let hosts: Set<Hostname>

    /// - Parameters:
    ///   - output: standard error, with lines such as
    ///     `nginx: [emerg] invalid number of arguments in "listen" directive in /…/http.conf:12`.
    init(_ output: String, _ configuration: NginxConfiguration) {
        let lines = output.split(whereSeparator: \.isNewline)
        let fault = lines.first { $0.contains("[emerg]") } ?? lines.first ?? "nginx gave no reason"
        let message = String(fault.split(separator: "[emerg] ").last ?? fault)
        var hosts: Set<Hostname> = []
        if let line = Self.line(in: message) {
            hosts.formUnion(configuration.places.filter { $0.lines.contains(line) }.map(\.host))
        }
        self.message = message
        self.hosts = hosts
    }

    /// The number behind the last `/http.conf:`.
    private static func line(in message: String) -> Int? {
        guard let place = message.ranges(of: "/\(NginxFolder.httpFile):").last else { return nil }
        return Int(message[place.upperBound...].prefix { $0.isNumber })
    }
}
