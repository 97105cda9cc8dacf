public import LabCore
public import LabService

/// The part of the name space that the lab's apps may have their hosts in.
public struct LabNames: Sendable, Hashable {
    public let domain: Hostname
    /// The domain first, then the further zones of `LAB_ZONES`.
    public let zones: [Hostname]
    /// The HTTPS port as clients see it; part of every URL when it is not 443.
    public let httpsPort: Int

    /// - Parameter others: domains, separated by commas or spaces; what stands behind a colon is for the DNS manager.
    public init(domain: Hostname, others: String = "", httpsPort: Int = 443) throws(InvalidText) {
        var zones = [domain]
        for entry in others.split(whereSeparator: { $0 == "," || $0 == " " }) {
            let name = try Hostname(String(entry.prefix { $0 != ":" }))
            if !zones.contains(name) { zones.append(name) }
        }
        self.domain = domain
        self.zones = zones
        self.httpsPort = httpsPort
    }

    /// From `LAB_DOMAIN`, `LAB_ZONES` and the port of `LAB_PUBLIC_HTTPS_PORT` or `LAB_HTTPS_PORT`.
    public init(_ settings: LabSettings) throws {
        let domain = try settings.domain
        let httpsPort = try settings.publicHTTPSPort
        do {
            try self.init(domain: domain, others: settings["LAB_ZONES"] ?? "", httpsPort: httpsPort)
        } catch {
            throw SettingError(key: "LAB_ZONES", detail: error.detail, remedy: error.remedy)
        }
    }

    public func defaultHost(of app: AppName) throws(InvalidText) -> Hostname {
        try Hostname("\(app).\(domain)")
    }

    /// Refuses a host that the lab does not answer for, or that is a zone itself.
    func check(_ host: Hostname) throws(InvalidText) {
        guard zones.contains(where: { host.isInside($0) }) else {
            throw InvalidText(
                "“\(host)” lies outside the lab's zones (\(zones.map(\.text).joined(separator: ", ")))",
                remedy: "Use a name below \(domain), or add its zone to LAB_ZONES")
        }
    }
}
