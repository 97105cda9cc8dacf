import LabCore
import LabService
import Logging

/// A way to make a resolver from the configuration.
protocol ResolverDriver: Sendable {
    /// What `LAB_DNS_DRIVER` calls it.
    static var name: String { get }
    /// What its resolvers can hold; needs no running resolver.
    static var capabilities: ResolverCapabilities { get }
    /// Reads the settings and makes the resolver, without side effects.
    static func makeResolver(_ settings: LabSettings, logger: Logger) throws -> any Resolver
}

/// The drivers that there are: the table of contents of the seam.
enum ResolverDrivers {
    static let all: [any ResolverDriver.Type] = [UnboundDriver.self]

    /// The driver that the settings name; Unbound unless they name one.
    static func driver(_ settings: LabSettings) throws -> any ResolverDriver.Type {
        let name = settings["LAB_DNS_DRIVER"] ?? UnboundDriver.name
        guard let driver = all.first(where: { $0.name == name }) else {
            throw SettingError(
                key: "LAB_DNS_DRIVER", detail: "is “\(name)”",
                remedy: "Give one of \(all.map { $0.name }.joined(separator: ", "))")
        }
        return driver
    }
}

extension LabZones {
    /// The zones that `LAB_DOMAIN` and `LAB_ZONES` name.
    init(_ settings: LabSettings) throws {
        do {
            try self.init(domain: settings.domain, others: settings["LAB_ZONES"] ?? "")
        } catch let error as InvalidText {
            throw SettingError(key: "LAB_ZONES", detail: error.detail, remedy: error.remedy)
        }
    }
}

extension DNSQuestioner {
    /// The server that `LAB_DNS_SERVER` names, 127.0.0.1:53 unless it does.
    init(_ settings: LabSettings) throws {
        let text = settings["LAB_DNS_SERVER"] ?? "127.0.0.1:53"
        let colon = text.lastIndex(of: ":")
        let isBareIPv6 = text.filter { $0 == ":" }.count > 1 && !text.hasPrefix("[")
        var host = text
        var port = 53
        if let colon, !isBareIPv6, !text.hasSuffix("]") {
            guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else {
                throw Self.wrongServer(text)
            }
            host = String(text[..<colon])
            port = Int(number)
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw Self.wrongServer(text) }
        self.init(host: host, port: port)
    }

    private static func wrongServer(_ text: String) -> SettingError {
        SettingError(
            key: "LAB_DNS_SERVER", detail: "is “\(text.prefix(80))”",
            remedy: "Give an address and a port, such as 127.0.0.1:53 or [::1]:53")
    }
}
