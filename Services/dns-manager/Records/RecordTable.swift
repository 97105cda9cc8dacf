import FoundationEssentials
import LabCore

/// Everything declared, and what follows from it for the resolver. A value without I/O.
///
/// Where two declarations cannot stand together, the older one is published; the other is refused, and takes its place
/// once the first is gone.
struct RecordTable: Sendable {
    struct Entry: Sendable {
        let resource: ResourceName
        let spec: RecordSpec
        let since: Date
        var set: RecordSet { spec.set }
    }

    let zones: LabZones
    let capabilities: ResolverCapabilities
    private(set) var publication: Publication
    private var entries: [ResourceName: Entry] = [:]
    private var resourcesByOwner: [RecordName: [ResourceName]] = [:]
    /// The owners of the aliases that have a name as their target.
    private var aliasesByTarget: [RecordName: Set<RecordName>] = [:]

    init(zones: LabZones, capabilities: ResolverCapabilities) {
        self.zones = zones
        self.capabilities = capabilities
        publication = Publication(zones: zones.zones)
    }

    subscript(resource: ResourceName) -> Entry? { entries[resource] }

    var allResources: [ResourceName] { Array(entries.keys) }

    /// The resources that declare something at a name.
    func resources(at name: RecordName) -> [ResourceName] { resourcesByOwner[name] ?? [] }

    // MARK: Changing

    enum Change: Sendable {
        case declare(Entry)
        case remove(ResourceName)
    }

    /// Takes changes over, and returns the names at which something else is published than before.
    mutating func apply(_ changes: [Change]) -> Set<RecordName> {
        var touched: Set<RecordName> = []
        for change in changes {
            switch change {
            case .declare(let entry):
                guard entries[entry.resource]?.spec != entry.spec else { continue }
                forget(entry.resource, &touched)
                remember(entry, &touched)
            case .remove(let resource):
                forget(resource, &touched)
            }
        }
        return republish(dependants(of: touched))
    }

    private mutating func remember(_ entry: Entry, _ touched: inout Set<RecordName>) {
        entries[entry.resource] = entry
        resourcesByOwner[entry.set.name, default: []].append(entry.resource)
        touched.insert(entry.set.name)
        if let target = Self.target(of: entry.set) {
            aliasesByTarget[target, default: []].insert(entry.set.name)
        }
    }

    private mutating func forget(_ resource: ResourceName, _ touched: inout Set<RecordName>) {
        guard let entry = entries.removeValue(forKey: resource) else { return }
        let name = entry.set.name
        touched.insert(name)
        let remaining = resources(at: name).filter { $0 != resource }
        resourcesByOwner[name] = remaining.isEmpty ? nil : remaining
        if let target = Self.target(of: entry.set) {
            aliasesByTarget[target]?.remove(name)
            if aliasesByTarget[target]?.isEmpty == true { aliasesByTarget[target] = nil }
        }
    }

    private static func target(of set: RecordSet) -> RecordName? {
        set.type == .cname ? set.values.first.flatMap { try? RecordName($0) } : nil
    }

    /// The touched names, those that share a place with them, and the aliases that lead to them.
    private func dependants(of touched: Set<RecordName>) -> Set<RecordName> {
        var found = touched
        var open = Array(touched)
        func add(_ names: some Sequence<RecordName>) {
            for name in names where found.insert(name).inserted { open.append(name) }
        }
        while let name = open.popLast() {
            if let other = RecordRules.counterpart(of: name), resourcesByOwner[other] != nil { add([other]) }
            guard !aliasesByTarget.isEmpty else { continue }
            add(aliasesByTarget[name] ?? [])
            if name.isWildcard {
                let suffix = name.text.dropFirst()
                for (target, owners) in aliasesByTarget where target.text.hasSuffix(suffix) { add(owners) }
            }
        }
        return found
    }

    private mutating func republish(_ names: Set<RecordName>) -> Set<RecordName> {
        names.filter { name in
            let sets = publishedSets(at: name)
            guard (publication.names[name] ?? []) != sets else { return false }
            publication.names[name] = sets.isEmpty ? nil : sets
            return true
        }
    }

    // MARK: What follows from it

    /// Why a declaration is not published, or nil when it is.
    func refusal(of resource: ResourceName) -> RecordRefusal? {
        guard let entry = entries[resource] else { return nil }
        if let refusal = standing(at: entry.set.name).first(where: { $0.entry.resource == resource })?.refusal {
            return refusal
        }
        if let target = Self.target(of: entry.set), aliasEnd(target, from: entry.set.name) == .loop {
            return RecordRefusal(
                .aliasLoop, field: "/values/0", "the aliases from \(entry.set.name) lead back to themselves",
                remedy: "Let one of them point to a name with an address")
        }
        return nil
    }

    /// All declarations at a name and its counterpart, the oldest first, with why each is refused.
    private func standing(at name: RecordName) -> [(entry: Entry, refusal: RecordRefusal?)] {
        var resources = resources(at: name)
        if let other = RecordRules.counterpart(of: name) { resources += self.resources(at: other) }
        let sorted = resources.compactMap { entries[$0] }.sorted { ($0.since, $0.resource) < ($1.since, $1.resource) }
        var accepted: [RecordSet] = []
        return sorted.map { entry in
            let refusal =
                zones.refusal(of: entry.spec) ?? Self.refusal(ofName: entry.resource, for: entry.spec)
                ?? RecordRules.refusal(of: entry.set, beside: accepted, on: capabilities)
            if refusal == nil { accepted.append(entry.set) }
            return (entry, refusal)
        }
    }

    static func refusal(ofName resource: ResourceName, for spec: RecordSpec) -> RecordRefusal? {
        let right = try? spec.set.resourceName
        guard right != resource else { return nil }
        guard let right else {
            return RecordRefusal(
                .nameNotCanonical, field: "/name", "the name is too long for a resource's name",
                remedy: "Use a name of at most 247 characters")
        }
        return RecordRefusal(
            .nameNotCanonical, field: spec.address == nil ? "/name" : "/address",
            "the resource is named “\(resource)”, but its record set is that of “\(right)”",
            remedy: "Declare it as “\(right)”")
    }

    private func publishedSets(at name: RecordName) -> [RecordSet] {
        guard resourcesByOwner[name] != nil else { return [] }
        let accepted = standing(at: name).filter { $0.refusal == nil && $0.entry.set.name == name }.map(\.entry.set)
        let sets = accepted.flatMap { set in
            guard !capabilities.followsAliases, let target = Self.target(of: set) else { return [set] }
            return switch aliasEnd(target, from: name) {
            case .addresses(let sets):
                sets.map { RecordSet(name: name, type: $0.type, ttl: min($0.ttl, set.ttl), values: $0.values) }
            case .outside, .missing: [set]
            case .loop: []
            }
        }
        return sets.sorted { $0.type.code < $1.type.code }
    }

    /// Where aliases lead.
    enum AliasEnd: Sendable, Hashable {
        /// Declared addresses.
        case addresses([RecordSet])
        /// A name that the lab does not answer for.
        case outside
        /// A name of the lab that has no address.
        case missing
        case loop
    }

    func aliasEnd(_ target: RecordName, from owner: RecordName) -> AliasEnd {
        var visited: Set<RecordName> = [owner]
        var target = target
        while true {
            guard visited.insert(target).inserted else { return .loop }
            let sets = acceptedSets(covering: target)
            if let next = sets.lazy.compactMap(Self.target).first {
                target = next
                continue
            }
            let addresses = sets.filter { $0.type == .a || $0.type == .aaaa }
            if !addresses.isEmpty { return .addresses(addresses) }
            guard let zone = zones.zone(of: target) else { return .outside }
            return zone.isComplete || !sets.isEmpty ? .missing : .outside
        }
    }

    /// What is accepted at a name, or at the wildcard that covers it.
    private func acceptedSets(covering name: RecordName) -> [RecordSet] {
        guard let owner = owner(covering: name, among: { resourcesByOwner[$0] != nil }) else { return [] }
        return standing(at: owner).filter { $0.refusal == nil && $0.entry.set.name == owner }.map(\.entry.set)
    }

    /// What the resolver is to answer to a question, from what is published; nil for nothing.
    func published(_ question: Question) -> RecordSet? {
        guard let owner = owner(covering: question.name, among: { publication.names[$0] != nil }) else { return nil }
        return publication.names[owner]?.first { $0.type == question.type }?.moved(to: question.name)
    }

    /// The owner whose records answer for a name: itself, or the nearest wildcard above it with no existing name in
    /// between (RFC 4592). Where wildcards answer for their apex too, that of the name itself comes second.
    private func owner(covering name: RecordName, among exists: (RecordName) -> Bool) -> RecordName? {
        if exists(name) { return name }
        if capabilities.wildcards == .withApex, let own = RecordRules.counterpart(of: name), !name.isWildcard,
            exists(own)
        {
            return own
        }
        var rest = name.withoutWildcard.text[...]
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            guard let parent = try? RecordName(String(rest)), let wildcard = RecordRules.counterpart(of: parent) else {
                return nil
            }
            if exists(wildcard) { return wildcard }
            if exists(parent) { return nil }
        }
        return nil
    }
}
