public import LabService
public import LabState

/// The lab's DNS: declared records, answered by its resolver.
public struct DNSManagerService: LabService {
    public static let name = "dns-manager"
    public static let summary = "Makes the lab's resolver answer the declared DNS records, and proves that it does."
    public static let kinds: [any ResourceKind.Type] = [RecordKind.self]
    public static var operations: [any Operation] {
        RecordKind.resourceOperations + [LookUpName(), ListZones(), ListUnmanaged()]
    }

    public let reconcilers: [any Reconciler]

    /// Reads the zones and the resolver's settings.
    ///
    /// - Throws: ``SettingError`` with the setting, what is wrong with it and what would be right.
    public init(_ context: LabContext) throws {
        let driver = try ResolverDrivers.driver(context.settings)
        let interval = try context.settings.integer("LAB_DNS_RESYNC_SECONDS", in: 1...86400, default: 60)
        reconcilers = [
            RecordReconciler(
                resolver: try driver.makeResolver(context.settings, logger: context.logger),
                zones: try LabZones(context.settings), clock: context.clock, resyncInterval: .seconds(interval))
        ]
    }
}
