import LabMQTT
