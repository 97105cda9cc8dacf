import LabCore

/// A local zone in Unbound's configuration.
struct UnboundZone: Sendable, Hashable {
    enum Kind: String, Sendable {
        /// Names without data do not exist.
        case `static`
        /// Names without data are looked up upstream.
        case transparent
        /// The apex's data answers for the apex and for everything below it.
        case redirect
    }

    let name: RecordName
    let type: Kind

    /// The zones that a publication needs: the lab's own; a redirect zone for each wildcard; and below a wildcard a
    /// zone for each branch with data of its own, without which the wildcard would answer there. With RFC 4592 such a
    /// branch is outside the wildcard as a whole, so its topmost name is the zone.
    static func layout(for publication: Publication) -> [UnboundZone] {
        var kinds: [RecordName: Kind] = [:]
        for zone in publication.zones {
            kinds[RecordName(zone.name)] = zone.isComplete ? .static : .transparent
        }
        let wildcards = Set(publication.names.keys.lazy.filter(\.isWildcard).map(\.withoutWildcard))
        if !wildcards.isEmpty {
            for apex in wildcards { kinds[apex] = .redirect }
            let texts = Set(wildcards.map(\.text))
            for owner in publication.names.keys {
                guard let branch = branch(of: owner.withoutWildcard, below: texts), kinds[branch] == nil else {
                    continue
                }
                kinds[branch] = .static
            }
        }
        return kinds.map { UnboundZone(name: $0.key, type: $0.value) }.sorted { $0.name < $1.name }
    }

    /// The name directly below the nearest wildcard apex above `name`, on the way to it.
    private static func branch(of name: RecordName, below apexes: Set<String>) -> RecordName? {
        var branch = name.text[...]
        while let dot = branch.firstIndex(of: ".") {
            let parent = branch[branch.index(after: dot)...]
            if apexes.contains(String(parent)) { return try? RecordName(String(branch)) }
            branch = parent
        }
        return nil
    }

    /// Records at the apex that nobody declared. Beside a CNAME nothing may stand.
    func ownRecords(hasAlias: Bool) -> [UnboundRecord] {
        if hasAlias { return [] }
        return switch type {
        case .static: [.authority(of: name), .nameServer(of: name)]
        case .redirect: [.authority(of: name)]
        case .transparent: []
        }
    }

    var fileLine: [UInt8] { Array("local-zone: \"\(name.text).\" \(type.rawValue)\n".utf8) }
}
