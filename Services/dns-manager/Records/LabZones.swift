public import LabCore

/// The parts of the name space that the lab answers for.
public struct LabZones: Sendable, Hashable {
    public struct Zone: Sendable, Hashable, Codable {
        public let name: Hostname
        /// Whether a name that is not declared does not exist; otherwise it is looked up in the public tree.
        public let isComplete: Bool

        public init(name: Hostname, isComplete: Bool) {
            self.name = name
            self.isComplete = isComplete
        }
    }

    /// The lab's domain first.
    public let zones: [Zone]

    /// - Parameters:
    ///   - domain: the lab's own domain, answered completely.
    ///   - others: further zones, separated by commas or spaces. One with `:transparent` behind it is answered only
    ///     where something is declared, for a domain that has public names too.
    public init(domain: Hostname, others: String = "") throws(InvalidText) {
        var zones = [Zone(name: domain, isComplete: true)]
        for entry in others.split(whereSeparator: { $0 == "," || $0 == " " }) {
            let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 1 || (parts.count == 2 && parts[1] == "transparent") else {
                throw InvalidText(
                    "“\(entry)” is not a zone", remedy: "Give a domain, with “:transparent” behind it or nothing")
            }
            let name = try Hostname(String(parts[0]))
            if !zones.contains(where: { $0.name == name }) {
                zones.append(Zone(name: name, isComplete: parts.count == 1))
            }
        }
        self.zones = zones
    }

    /// The zone that a name lies in: the longest one.
    public func zone(of name: RecordName) -> Zone? {
        zones.filter { name.isInside($0.name) }.max { $0.name.text.utf8.count < $1.name.text.utf8.count }
    }

    /// Why a record may not be declared here, or nil.
    func refusal(of spec: RecordSpec) -> RecordRefusal? {
        if let address = spec.address {
            guard !address.isPrivate else { return nil }
            return RecordRefusal(
                .outsideZones, field: "/address", "\(address) is a public address, whose name its provider keeps",
                remedy: "Use an address of 10/8, 172.16/12, 192.168/16, 100.64/10 or fd00::/8")
        }
        guard zone(of: spec.name) == nil else { return nil }
        let list = zones.map(\.name.text).joined(separator: ", ")
        return RecordRefusal(
            .outsideZones, field: "/name", "“\(spec.name)” lies outside the lab's zones (\(list))",
            remedy: "Use a name below \(zones.first?.name.text ?? "the lab's domain"), or add its zone to LAB_ZONES")
    }
}
