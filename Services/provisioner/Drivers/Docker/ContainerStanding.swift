import LabCore

/// How the containers of a release stand together.
struct ContainerStanding: Sendable {
    let count: Int
    let running: Int
    /// The services that are on their way.
    let waiting: [String]
    /// Why they do not come up by waiting; nil while they may.
    let fault: String?
    /// Those that ended, and that the engine is about to start anew.
    let restarting: [DockerEngine.Container]

    /// - Parameter services: the services that there should be.
    init(services: [ReleasedService], containers: [DockerEngine.Container]) {
        var waiting: [String] = []
        var faults: [String] = []
        for released in services {
            let service = released.name
            let own = containers.filter { $0.service == service }
            if own.isEmpty { waiting.append(service) }
            for container in own {
                switch container.state {
                case "running":
                    if container.isUnhealthy {
                        faults.append("\(service) is unhealthy")
                    } else if container.isStarting {
                        waiting.append(service)
                    }
                case "exited":
                    let code = container.exitCode ?? 0
                    if code != 0 || !released.mayEnd { faults.append("\(service) ended with the code \(code)") }
                case "dead": faults.append("\(service) is dead")
                default: waiting.append(service)
                }
            }
        }
        count = containers.count
        running = containers.count(where: \.isRunning)
        self.waiting = waiting
        fault = faults.isEmpty ? nil : faults.joined(separator: "; ")
        restarting = containers.filter { $0.state == "restarting" }
    }
}
