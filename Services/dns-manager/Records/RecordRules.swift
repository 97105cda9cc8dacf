import LabCore

/// Which records may stand beside one another.
enum RecordRules {
    /// The wildcard that covers what lies directly below a name, or the name that a wildcard lies directly below:
    /// the only other owner name whose records a resolver may have to hold in the same place.
    static func counterpart(of name: RecordName) -> RecordName? {
        name.isWildcard ? name.withoutWildcard : try? RecordName("*." + name.text)
    }

    /// Why a set cannot be added, or nil.
    ///
    /// - Parameter others: accepted sets at the same name and at its counterpart.
    static func refusal(
        of set: RecordSet, beside others: [RecordSet], on capabilities: ResolverCapabilities
    ) -> RecordRefusal? {
        guard capabilities.types.contains(set.type) else {
            return RecordRefusal(
                .unsupported, field: "/type", "the resolver holds no records of type \(set.type.rawValue)",
                remedy: "Use one of \(capabilities.types.map(\.rawValue).sorted().joined(separator: ", "))")
        }
        if set.name.isWildcard, capabilities.wildcards == .none {
            return RecordRefusal(
                .unsupported, field: "/name", "the resolver holds no wildcards", remedy: "Declare each name by itself")
        }
        for other in others where other.name == set.name && other.type != set.type {
            if set.type == .cname {
                return RecordRefusal(
                    .conflicts, field: "/type",
                    "a CNAME stands alone at its name, and \(set.name) has \(other.type.rawValue) records",
                    remedy: "Remove \(name(of: other)), or give the CNAME another name")
            }
            if other.type == .cname {
                return RecordRefusal(
                    .conflicts, field: "/name",
                    "\(set.name) is an alias (CNAME), which allows no other record at its name",
                    remedy: "Remove \(name(of: other)), or declare the record at \(other.values[0])")
            }
        }
        guard capabilities.wildcards == .withApex else { return nil }
        for other in others where other.name != set.name {
            guard other.type != set.type || other.values != set.values || other.ttl != set.ttl else { continue }
            let apex = set.name.withoutWildcard
            return RecordRefusal(
                .unsupported, field: "/name",
                "the resolver answers \(apex) and everything below *.\(apex) from the same data, "
                    + "and \(name(of: other)) is declared with other data",
                remedy: "Remove \(name(of: other)), or give both the same type, values and ttl")
        }
        return nil
    }

    private static func name(of set: RecordSet) -> String {
        (try? set.resourceName.text) ?? "\(set.name) \(set.type.rawValue)"
    }
}
