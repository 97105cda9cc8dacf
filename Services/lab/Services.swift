import DNSManager
import LabKit
import Provisioner
import ProxyRouter

/// The platform's services, in the order of their start.
let labServices: [any LabService.Type] = [
    DNSManagerService.self,
    ProxyRouterService.self,
    ProvisionerService.self,
]

/// Everything that the lab can be asked for, by the services above.
var labOperations: [any LabKit.Operation] {
    CommonOperations.all + labServices.flatMap { $0.operations }
}
