public import LabCore
public import LabService

/// The part of the name space that routes may have their hosts in: the lab's domain, and the further zones.
public struct LabDomains: Sendable, Hashable {
    /// The lab's own domain first.
    public let domains: [Hostname]

    /// - Parameter others: domains, separated by commas or spaces; what stands behind a colon is for the DNS manager.
    public init(domain: Hostname, others: String = "") throws(InvalidText) {
        var domains = [domain]
        for entry in others.split(whereSeparator: { $0 == "," || $0 == " " }) {
            let name = try Hostname(String(entry.prefix { $0 != ":" }))
            if !domains.contains(name) { domains.append(name) }
        }
        self.domains = domains
    }

    /// From `LAB_DOMAIN` and `LAB_ZONES`.
    public init(_ settings: LabSettings) throws {
        let domain = try settings.domain
        do {
            try self.init(domain: domain, others: settings["LAB_ZONES"] ?? "")
        } catch {
            throw SettingError(key: "LAB_ZONES", detail: error.detail, remedy: error.remedy)
        }
    }

    public var domain: Hostname { domains[0] }

    public func contains(_ host: Hostname) -> Bool { domains.contains { host.isInside($0) } }

    /// Whether all zones that can have routes lie in the first one. Reverse zones have none.
    var isOneDomain: Bool {
        domains.allSatisfy {
            $0.isInside(domain) || $0.text.hasSuffix(".in-addr.arpa") || $0.text.hasSuffix(".ip6.arpa")
        }
    }
}
