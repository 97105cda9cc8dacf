import LabService
import Logging

/// Makes the resolver for Unbound from `LAB_UNBOUND_CONTROL`, `LAB_UNBOUND_CONF`, `LAB_UNBOUND_RECORDS`,
/// `LAB_UNBOUND_CHECKCONF` and `LAB_DNS_SERVER`.
enum UnboundDriver: ResolverDriver {
    static let name = "unbound"
    static let capabilities = UnboundResolver.capabilities

    static func makeResolver(_ settings: LabSettings, logger: Logger) throws -> any Resolver {
        try UnboundResolver(
            control: UnboundControl(socketPath: settings["LAB_UNBOUND_CONTROL"] ?? "/run/unbound.ctl"),
            configuration: UnboundConfiguration(
                main: settings["LAB_UNBOUND_CONF"] ?? "/etc/unbound/unbound.conf",
                records: settings.required("LAB_UNBOUND_RECORDS"),
                checker: settings["LAB_UNBOUND_CHECKCONF"] ?? "unbound-checkconf"),
            questioner: DNSQuestioner(settings), logger: logger)
    }
}
